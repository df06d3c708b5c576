// The moving preview of a hit while the pointer rests on it, or its card has the focus.

import { media } from "./api.js";
import { element } from "./dom.js";

/** @import { Hit } from "./types" */

const REST_MS = 350; // that the pointer rests before the preview starts
const LONGEST = 8; // seconds that a preview shows of a moment

/**
 * @param {HTMLElement} target
 * @param {HTMLElement} frame
 * @param {Hit} hit of a video
 */
export function previewOnHover(target, frame, hit) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  let timer = 0;
  /** @type {HTMLVideoElement | null} */
  let video = null;
  let wanted = false;

  const start = async () => {
    const item = await media(hit.media_id).catch(() => null);
    if (!item || !wanted || video) return;
    const from = hit.start ?? 0;
    const to = Math.min(hit.end ?? from + LONGEST, from + LONGEST);
    const still = `${item.preview_url}?${new URLSearchParams({
      start: String(from),
      end: String(Math.max(to, from + 0.1)),
      height: "240",
      sound: "false",
    })}`;
    const made = (video = element("video", { muted: true, playsinline: true, "aria-hidden": "true", tabindex: -1 }));
    made.muted = true;
    made.loop = true;
    if (item.plays_natively) {
      made.src = `${item.file_url}#t=${from},${to}`;
      made.addEventListener("timeupdate", () => {
        if (made.currentTime >= to || made.currentTime < from - 1) made.currentTime = from;
      });
      made.addEventListener("error", () => (made.src = still), { once: true });
    } else {
      made.src = still;
    }
    made.addEventListener("playing", () => made.classList.add("playing"));
    frame.append(made);
    made.play().catch(() => {});
  };
  const enter = () => {
    wanted = true;
    clearTimeout(timer);
    timer = setTimeout(start, REST_MS);
  };
  const leave = () => {
    wanted = false;
    clearTimeout(timer);
    if (!video) return;
    video.removeAttribute("src"); // the server stops sending
    video.load();
    video.remove();
    video = null;
  };
  target.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && enter());
  target.addEventListener("pointerleave", leave);
  target.addEventListener("focus", enter);
  target.addEventListener("blur", leave);
  target.addEventListener("click", leave);
}

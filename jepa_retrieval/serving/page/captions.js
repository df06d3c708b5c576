// The sentences of the open file, where the index keeps captions: the one of the clip that is shown, and all of them.

import { get } from "./api.js";
import { byId, clock, element } from "./dom.js";

/** @import { IndexItem, MediaItem } from "./types" */

const list = byId("captions", HTMLElement);
const panel = byId("player-captions", HTMLDetailsElement);

/** @type {{ start: number | null, end: number | null, caption: string | null }[]} */
let clips = [];
let shown = -1; // the file
let current = -1; // the clip

/**
 * @param {MediaItem} item
 * @param {IndexItem | undefined} index of the file
 * @param {(seconds: number) => void} seek
 */
export async function loadCaptions(item, index, seek) {
  clips = [];
  current = -1;
  shown = item.id;
  list.replaceChildren();
  panel.hidden = true;
  if (!index?.captions || item.kind === "image") return;
  const found = await get(`/v1/media/${item.id}/clips`);
  if (shown !== item.id) return;
  clips = found.data;
  list.replaceChildren(
    ...clips.map((clip) => {
      const at = element("span", { class: "at" }, clock(clip.start ?? 0));
      const button = element("button", { type: "button", click: () => seek(clip.start ?? 0) }, at, clip.caption ?? "");
      return element("li", {}, button);
    }),
  );
  panel.hidden = !clips.some((clip) => clip.caption);
}

/** @param {number} seconds */
export function showCaption(seconds) {
  const at = clips.findLastIndex((one) => (one.start ?? 0) <= seconds + 1e-3);
  if (at === current || at < 0) return;
  current = at;
  byId("player-caption", HTMLElement).textContent = clips[at].caption ?? "";
  for (const [number, button] of list.querySelectorAll("button").entries()) {
    button.setAttribute("aria-current", String(number === at));
    if (number === at && panel.open) list.scrollTop = button.offsetTop - list.offsetTop - list.clientHeight / 3;
  }
}

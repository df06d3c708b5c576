// Surprise over the open video, below the score strip: where it goes another way than it led one to expect.

import { post } from "./api.js";
import { byId, count, element, interval } from "./dom.js";
import { cleared, cssValues, drawWhenChanged } from "./drawing.js";

/** @import { IndexItem, MediaItem, Surprises } from "./types" */

const TOP = 20;
const MIN_Z = 3; // from which on a moment is listed
const LOWEST = 6; // z-score that the height of the curve stands for at least

const panel = byId("surprise", HTMLElement);
const canvas = byId("surprise-canvas", HTMLCanvasElement);
const note = byId("surprise-note", HTMLElement);
const list = byId("surprises", HTMLElement);
const button = byId("show-surprise", HTMLButtonElement);

/** @type {MediaItem | null} */
let item = null;
/** @type {Surprises | null} */
let found = null;
/** @type {AbortController | null} */
let asking = null;
/** @type {(seconds: number) => void} */
let seek = () => {};

/** @param {(seconds: number) => void} seekTo */
export function setUpSurprise(seekTo) {
  seek = seekTo;
  button.addEventListener("click", () => (panel.hidden ? void show() : hide()));
  canvas.addEventListener("pointerdown", (event) => {
    const box = canvas.getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * (item?.duration ?? 0));
  });
  drawWhenChanged(canvas, draw);
}

/**
 * @param {MediaItem | null} opened
 * @param {IndexItem} [index] of the file
 */
export function offerSurprise(opened, index) {
  hide();
  item = opened;
  found = null;
  button.hidden = !opened?.duration || opened.kind === "image" || !index?.surprise;
}

function hide() {
  asking?.abort();
  panel.hidden = true;
  button.setAttribute("aria-pressed", "false");
}

async function show() {
  if (!item) return;
  panel.hidden = false;
  button.setAttribute("aria-pressed", "true");
  list.replaceChildren();
  if (!found) {
    note.textContent = "Looking through the whole video…";
    const mine = (asking = new AbortController());
    try {
      const answer = await post("/v1/surprise", { media_id: item.id, top_k: TOP, min_z: MIN_Z }, mine.signal);
      if (mine.signal.aborted) return;
      found = answer;
    } catch (error) {
      if (!mine.signal.aborted) note.textContent = error instanceof Error ? error.message : String(error);
      return;
    }
  }
  const moments = found?.data ?? [];
  const said = moments.length ? `${count(moments.length, "surprising moment")}.` : "Nothing surprising.";
  const problems = [found?.partial, ...(found?.warnings ?? [])].filter(Boolean).map((problem) => `${item?.path}: ${problem}.`);
  note.textContent = [said, ...problems].join(" ");
  list.replaceChildren(
    ...moments
      .toSorted((one, other) => one.start - other.start)
      .map(({ start, end, z }) =>
        element("li", {}, element("button", { type: "button", click: () => seek(start) }, `${interval(start, end)} z ${z.toFixed(1)}`)),
      ),
  );
  draw();
}

function draw() {
  const surface = cleared(canvas);
  const duration = item?.duration;
  if (!surface || !found || !duration) return;
  const { context, width, height, scale } = surface;
  const [curve, mark, line] = cssValues(canvas, "--curve", "--mark", "--line");
  const x = (/** @type {number} */ seconds) => (seconds / duration) * width;
  context.fillStyle = line;
  for (const cut of found.cuts) context.fillRect(x(cut), 0, scale, height);
  const high = Math.max(LOWEST, ...found.curve.map(([, z]) => z ?? 0));
  found.curve.forEach(([start, z], n) => {
    if (z === null) return;
    const end = found?.curve[n + 1]?.[0] ?? duration;
    const tall = Math.max(scale, (Math.max(0, z) / high) * height);
    context.fillStyle = z >= MIN_Z ? mark : curve;
    context.fillRect(x(start), height - tall, Math.max(1, x(end - start)), tall);
  });
}

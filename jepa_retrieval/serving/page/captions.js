// The sentences of the open file: what is said in it, or else the captions of its clips; the present one, and all.

import { get } from "./api.js";
import { byId, clock, element } from "./dom.js";

/** @import { IndexItem, MediaItem } from "./types" */

/** @typedef {{ start: number, text: string }} Sentence */

const list = byId("captions", HTMLElement);
const panel = byId("player-captions", HTMLDetailsElement);

/** @type {Sentence[]} */
let sentences = [];
let shown = -1; // the file
let current = -1; // the sentence

/**
 * @param {MediaItem} item
 * @param {IndexItem | undefined} index of the file
 * @param {(seconds: number) => void} seek
 */
export async function loadCaptions(item, index, seek) {
  sentences = [];
  current = -1;
  shown = item.id;
  list.replaceChildren();
  panel.hidden = true;
  if (item.kind === "image") return;
  let found = index?.speech ? await linesOf(item) : [];
  if (!found.length && index?.captions) found = await captionsOf(item);
  if (shown !== item.id) return;
  sentences = found;
  list.replaceChildren(
    ...sentences.map(({ start, text }) => {
      const at = element("span", { class: "at" }, clock(start));
      return element("li", {}, element("button", { type: "button", click: () => seek(start) }, at, text));
    }),
  );
  panel.hidden = !sentences.some(({ text }) => text);
}

/**
 * @param {MediaItem} item
 * @returns {Promise<Sentence[]>}
 */
async function linesOf(item) {
  const found = await get(`/v1/media/${item.id}/transcript`).catch(() => null); // nobody has listened to it yet
  return found?.lines ?? [];
}

/**
 * @param {MediaItem} item
 * @returns {Promise<Sentence[]>}
 */
async function captionsOf(item) {
  /** @type {{ data: { start: number | null, caption: string | null }[] }} */
  const { data } = await get(`/v1/media/${item.id}/clips`);
  return data.map(({ start, caption }) => ({ start: start ?? 0, text: caption ?? "" }));
}

/** @param {number} seconds */
export function showCaption(seconds) {
  const at = sentences.findLastIndex(({ start }) => start <= seconds + 1e-3);
  if (at === current || at < 0) return;
  current = at;
  byId("player-caption", HTMLElement).textContent = sentences[at].text;
  for (const [number, button] of list.querySelectorAll("button").entries()) {
    button.setAttribute("aria-current", String(number === at));
    if (number === at && panel.open) list.scrollTop = button.offsetTop - list.offsetTop - list.clientHeight / 3;
  }
}

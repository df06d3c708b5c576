// The sentence of the clip that is being shown, where the index keeps captions.

import { get, indexes } from "./api.js";
import { byId } from "./dom.js";

/** @import { MediaItem } from "./types" */

/** @type {{ start: number | null, end: number | null, caption: string | null }[]} */
let clips = [];
let shown = -1;

/** @param {MediaItem} item */
export async function loadCaptions(item) {
  clips = [];
  shown = item.id;
  const { data } = await indexes();
  if (!data.find((index) => index.name === item.index)?.captions) return;
  const found = await get(`/v1/media/${item.id}/clips`);
  if (shown === item.id) clips = found.data;
}

/** @param {number} seconds */
export function showCaption(seconds) {
  if (!clips.length) return;
  const clip = clips.findLast((one) => (one.start ?? 0) <= seconds + 1e-3);
  byId("player-caption", HTMLElement).textContent = clip?.caption ?? "";
}

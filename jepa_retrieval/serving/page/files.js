// All files of the indexes: also those that failed or were read in part, with the reason.

import { indexes, mediaPage } from "./api.js";
import { byId, clock, count, element, say, sayProblem, size } from "./dom.js";
import { openHit } from "./player.js";

/** @import { MediaItem, IndexItem } from "./types" */

const rows = byId("file-rows", HTMLElement);
const state = byId("file-state", HTMLSelectElement);
const path = byId("file-path", HTMLInputElement);
const more = byId("more-files", HTMLButtonElement);

/** @type {string | null} */
let cursor = null;
let shown = 0; // how often the list was begun: an answer for an earlier one is dropped

export function setUpFiles() {
  state.addEventListener("change", () => void showFiles());
  path.addEventListener("change", () => void showFiles());
  more.addEventListener("click", () => void load());
}

export async function showFiles() {
  cursor = null;
  shown += 1;
  rows.replaceChildren();
  more.hidden = true;
  await Promise.all([showIndexes(), load()]);
}

async function load() {
  /** @type {Record<string, string>} */
  const parameters = { limit: "100" };
  if (state.value) parameters.state = state.value;
  if (path.value.trim()) {
    parameters.filter = `contains(lower(path), '${path.value.trim().toLowerCase().replaceAll("'", "''")}')`;
  }
  if (cursor) parameters.cursor = cursor;
  const mine = shown;
  more.disabled = true;
  try {
    const page = await mediaPage(parameters);
    if (mine !== shown) return;
    rows.append(...page.data.map(row));
    cursor = page.next_cursor;
    more.hidden = !cursor;
    say(rows.childElementCount ? `${count(rows.childElementCount, "file")}${cursor ? ", more below" : ""}.` : "No such files.");
  } catch (error) {
    sayProblem(error);
  } finally {
    more.disabled = false;
  }
}

/** @param {MediaItem} item */
function row(item) {
  const picture =
    item.clips && item.thumbnail_url !== null ? element("img", { src: item.thumbnail_url, alt: "", loading: "lazy" }) : null;
  const name = item.clips
    ? element("button", { type: "button", class: "link", click: () => void openHit(asHit(item)) }, item.path)
    : item.path;
  const facts = [
    item.kind,
    item.codec,
    item.width && item.height ? `${item.width} × ${item.height}` : null,
    size(item.size),
  ];
  return element(
    "tr",
    { class: item.state },
    element("td", { class: "picture" }, picture),
    element("th", { scope: "row" }, name, item.error ? element("p", { class: "reason" }, item.error) : null),
    element("td", {}, { ok: "indexed", partial: "in part", failed: "failed" }[item.state]),
    element("td", {}, item.duration === null ? "" : clock(item.duration)),
    element("td", {}, facts.filter(Boolean).join(", ")),
    element("td", {}, item.modified.slice(0, 10)),
  );
}

/**
 * A file as the player takes it: from its beginning.
 * @param {MediaItem} item
 */
function asHit(item) {
  const { id, index, path, kind, thumbnail_url } = item;
  const start = kind === "image" ? null : 0;
  const shown = { id: -1, media_id: id, index, path, kind, start, end: start, thumbnail_url };
  return { ...shown, score: 0, confidence: null, rank: 0, caption: null, offline: false };
}

async function showIndexes() {
  try {
    const { data } = await indexes();
    byId("indexes", HTMLElement).replaceChildren(...data.map(summary));
  } catch (error) {
    sayProblem(error);
  }
}

/** @param {IndexItem} index */
function summary(index) {
  const parts = [
    count(index.videos, "video"),
    count(index.images, "photograph"),
    index.audio ? count(index.audio, "audio file") : "",
    count(index.clips, "clip"),
    `${clock(index.media_seconds)} of ${index.audio ? "video and sound" : "video"}`,
    index.partial ? `${index.partial} in part` : "",
    index.failed ? `${index.failed} failed` : "",
    index.left_out ? `${index.left_out} left out` : "",
    `model ${index.model}`,
    `${size(index.bytes)} on disk`,
  ];
  return element("li", {}, element("strong", {}, index.name), ` ${parts.filter(Boolean).join(" · ")}`);
}


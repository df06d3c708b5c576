// The hits: cards with picture, time, score and confidence; flat, or grouped by file.

import { byId, element, fileName, interval, percent, wordsOf } from "./dom.js";
import { previewOnHover } from "./hover.js";
import { addTerm, query } from "./query.js";

/** @import { Hit } from "./types" */

const EAGER = 8; // pictures that are loaded at once; the others as they come into view
const LESS = -0.5; // weight of "less like this"

const list = byId("results", HTMLElement);

/** @type {Hit[]} */
let hits = [];
/** @type {Set<number>} */
const selected = new Set();
/** @type {{ open: (hit: Hit) => void, search: () => void, selected: () => void }} */
let does = { open: () => {}, search: () => {}, selected: () => {} };

let names = false; // whether hits say which index they are of

/** @param {boolean} several whether several indexes are served */
export function nameIndexes(several) {
  names = several;
  list.querySelectorAll(".index").forEach((name) => name.toggleAttribute("hidden", !several));
}

/** @param {typeof does} actions what the cards do */
export function setUpResults(actions) {
  does = actions;
}

export function clearHits() {
  hits = [];
  selected.clear();
  list.replaceChildren();
  does.selected();
}

/** @param {Hit[]} more */
export function addHits(more) {
  hits.push(...more);
  for (const hit of more) place(hit);
}

export function shownHits() {
  return hits;
}

/** The hits that the user has chosen, in their order. */
export function selectedHits() {
  return hits.filter((hit) => selected.has(hit.rank));
}

/** @param {boolean} all */
export function selectAll(all) {
  selected.clear();
  if (all) for (const hit of hits) selected.add(hit.rank);
  list.querySelectorAll("input").forEach((box) => (box.checked = all));
  does.selected();
}

/** @param {Hit} hit */
function place(hit) {
  if (query.group !== "by-file") {
    list.append(card(hit));
    return;
  }
  const id = `file-${hit.media_id}`;
  const cards = document.getElementById(id);
  if (cards) {
    cards.append(card(hit));
    return;
  }
  const heading = element("h3", { title: hit.path }, hit.path);
  list.append(element("li", { class: "group" }, heading, element("ol", { id, class: "cards" }, card(hit))));
}

/** @param {Hit} hit */
function card(hit) {
  const time = interval(hit.start, hit.end);
  const name = fileName(hit.path);
  const described = [name, time, hit.confidence === null ? "" : `confidence ${percent(hit.confidence)}`];
  const frame = element("span", { class: "frame" }, pictureOf(hit), time ? element("span", { class: "time" }, time) : null);
  const open = element(
    "button",
    {
      type: "button",
      class: "open",
      "aria-label": described.filter(Boolean).join(", "),
      "data-rank": hit.rank,
      click: () => does.open(hit),
    },
    frame,
  );
  const made = element(
    "li",
    { class: hit.offline ? "card offline" : "card" },
    open,
    element("span", { class: "name", title: hit.path }, name),
    facts(hit),
    ...wordsOf(hit).map((words) => element("span", { class: "words" }, words)),
    hit.caption ? element("span", { class: "caption" }, hit.caption) : null,
    actions(hit, name),
  );
  if (hit.kind === "video" && !hit.offline) previewOnHover(open, frame, hit);
  return made;
}

/** @param {Hit} hit */
function pictureOf(hit) {
  if (hit.thumbnail_url === null) return element("span", { class: "note", "aria-hidden": "true" }, "♪");
  const picture = element("img", {
    src: hit.thumbnail_url,
    alt: "",
    loading: hit.rank > EAGER ? "lazy" : "eager",
    decoding: "async",
    error: () => picture.classList.add("missing"),
  });
  return picture;
}

/** @param {Hit} hit */
function facts(hit) {
  const meter = element("meter", { min: 0, max: 1, value: hit.confidence ?? 0, "aria-hidden": "true" });
  return element(
    "span",
    { class: "facts" },
    ...(hit.confidence === null
      ? []
      : [meter, element("span", { title: "How likely it is what you described" }, percent(hit.confidence))]),
    element("span", { class: "score", title: "Similarity, from -1 to 1" }, hit.score.toFixed(3)),
    element("span", { class: "index", hidden: !names, title: "Index" }, hit.index),
    hit.offline ? element("span", { class: "state" }, "offline") : null,
  );
}

/**
 * @param {Hit} hit
 * @param {string} name
 */
function actions(hit, name) {
  const where = `${name} ${interval(hit.start, hit.end)}`.trim();
  const box = element("input", {
    type: "checkbox",
    "aria-label": `Select ${where}`,
    change: () => {
      if (box.checked) selected.add(hit.rank);
      else selected.delete(hit.rank);
      does.selected();
    },
  });
  box.checked = selected.has(hit.rank);
  return element(
    "span",
    { class: "actions" },
    ...(hit.kind === "audio" ? [] : likeButtons(hit, where)),
    element("label", { class: "select" }, box),
  );
}

/**
 * @param {Hit} hit
 * @param {string} where
 */
function likeButtons(hit, where) {
  return [
    element("button", { type: "button", "aria-label": `More like ${where}`, click: () => like(hit, 1) }, "More"),
    element("button", { type: "button", "aria-label": `Less like ${where}`, click: () => like(hit, LESS) }, "Less"),
  ];
}

/**
 * Add a hit to the query, or subtract it. There is nothing to see in a file with sound only.
 * @param {Hit} hit
 * @param {number} weight
 */
export function like(hit, weight) {
  if (hit.kind === "audio") return;
  const label = `${fileName(hit.path)} ${interval(hit.start, hit.end)}`.trim();
  addTerm({ clip_id: hit.id, label, picture: hit.thumbnail_url ?? undefined, weight });
  does.search();
}

export function likeMore(/** @type {Hit} */ hit) {
  like(hit, 1);
}

export function likeLess(/** @type {Hit} */ hit) {
  like(hit, LESS);
}

/** The hit whose card has the focus. */
export function focusedHit() {
  const card = document.activeElement?.closest(".card")?.querySelector(".open");
  return hits.find((hit) => String(hit.rank) === card?.getAttribute("data-rank")) ?? null;
}

/**
 * Move the focus from card to card.
 * @param {"ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown"} key
 */
export function moveFocus(key) {
  const cards = /** @type {HTMLElement[]} */ ([...list.querySelectorAll(".open")]);
  const at = cards.indexOf(/** @type {HTMLElement} */ (document.activeElement?.closest(".card")?.querySelector(".open")));
  if (at < 0) {
    cards[0]?.focus();
    return;
  }
  if (key === "ArrowLeft" || key === "ArrowRight") {
    cards[at + (key === "ArrowLeft" ? -1 : 1)]?.focus();
    return;
  }
  const here = cards[at].getBoundingClientRect();
  const row = cards
    .map((card) => ({ card, box: card.getBoundingClientRect() }))
    .filter(({ box }) => (key === "ArrowDown" ? box.top > here.top + 4 : box.top < here.top - 4));
  const distance = (/** @type {DOMRect} */ box) => Math.abs(box.top - here.top) * 1e4 + Math.abs(box.left - here.left);
  row.sort((a, b) => distance(a.box) - distance(b.box));
  row[0]?.card.focus();
}

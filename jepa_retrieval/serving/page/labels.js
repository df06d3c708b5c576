// Classification by the user's own labels, as a coloured timeline of each file.

import { has, post } from "./api.js";
import { asHit, names, offerOpenFile } from "./ask.js";
import { byId, clock, count, element, interval, percent, say, sayProblem } from "./dom.js";
import { openHit, openItem } from "./player.js";
import { query } from "./query.js";

/** @import { Chosen, ChosenItem } from "./types" */

const COLOURS = 8; // that parts.css defines: t0, t1, ...
const KEY = "jepa.labels";
const LIMIT = 500;

const form = byId("label-form", HTMLFormElement);
const field = byId("labels", HTMLTextAreaElement);
const scope = byId("label-scope", HTMLSelectElement);
const list = byId("timelines", HTMLElement);

export async function setUpLabels() {
  field.value = localStorage.getItem(KEY) ?? "";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void classify();
  });
  byId("tab-labels", HTMLElement).hidden = !(await has("/v1/classify"));
}

export function showLabels() {
  offerOpenFile(scope);
  byId("label-filter", HTMLElement).textContent = query.filter ? `Filter: ${query.filter}` : "";
}

async function classify() {
  const labels = names(field.value);
  const open = openItem();
  if (labels.length < 2) {
    say("Give at least two labels, separated by commas or lines.");
    return;
  }
  localStorage.setItem(KEY, field.value);
  say("Classifying…");
  list.replaceChildren();
  try {
    /** @type {Chosen} */
    const found = await post("/v1/classify", {
      labels,
      per: "moment",
      limit: LIMIT,
      ...(scope.value === "open" && open ? { media_id: open.id } : query.filter ? { filter: query.filter } : {}),
    });
    showLegend(labels);
    /** @type {Map<number, ChosenItem[]>} */
    const files = new Map();
    for (const item of found.data) files.set(item.media_id, [...(files.get(item.media_id) ?? []), item]);
    list.replaceChildren(...[...files.values()].map((items) => timeline(items, labels)));
    const rest = found.total > found.data.length ? ` The first ${found.data.length} of ${found.total} moments.` : "";
    say([...found.warnings, `${count(files.size, "file")}.${rest}`].join(" "));
  } catch (error) {
    sayProblem(error);
  }
}

/** @param {string[]} labels */
function showLegend(labels) {
  byId("legend", HTMLElement).replaceChildren(
    ...labels.map((label, at) => element("li", {}, element("span", { class: `swatch t${at % COLOURS}` }), label)),
  );
}

/**
 * @param {ChosenItem[]} items of one file
 * @param {string[]} labels
 */
function timeline(items, labels) {
  const end = Math.max(...items.map((item) => item.end ?? 0));
  const bar = element("span", { class: end ? "timeline" : "timeline still" }, ...items.map((item) => block(item, labels, end)));
  return element("li", {}, element("h3", {}, items[0].path), bar, end ? element("span", { class: "quiet" }, clock(end)) : null);
}

/**
 * @param {ChosenItem} item
 * @param {string[]} labels
 * @param {number} end of the file, seconds; 0 of a photograph
 */
function block(item, labels, end) {
  const best = item.choices[0];
  const said = [interval(item.start, item.end), best.name, percent(best.probability)].filter(Boolean).join(", ");
  const made = element(
    "button",
    {
      type: "button",
      class: `t${labels.indexOf(best.name) % COLOURS}`,
      title: said,
      "aria-label": said,
      click: () => void openHit(asHit(item)),
    },
    best.name,
  );
  const [from, to] = end ? [(item.start ?? 0) / end, (item.end ?? end) / end] : [0, 1];
  made.style.left = `${100 * from}%`;
  made.style.width = `${100 * (to - from)}%`;
  return made;
}

// Saved searches as alerts: the server runs them over everything new, and tells the page.

import { ProblemError, get, has, post, remove } from "./api.js";
import { byId, element, fileName, interval, percent, say } from "./dom.js";
import { openHit } from "./player.js";
import { bodyOf } from "./query.js";

/** @import { Alert, Query } from "./types" */

const list = byId("alerts", HTMLElement);

/** @type {EventSource | null} */
let events = null;
/** @type {Set<number>} */
const shown = new Set();

/** Whether the server can watch for new moments. */
export function canAlert() {
  return has("/v1/saved-searches");
}

/** Show the alerts there were, and those to come if any search is watched. */
export async function setUpAlerts() {
  if (!(await canAlert())) return;
  const { data } = await get("/v1/alerts");
  for (const alert of data.toReversed()) show(alert);
  const searches = await get("/v1/saved-searches");
  if (searches.data.some((/** @type {{ alert: boolean }} */ search) => search.alert)) follow();
}

/**
 * @param {string} name
 * @param {Query} query
 * @returns {Promise<string>} the id by which the server keeps the search
 */
export async function watch(name, query) {
  const { top_k, ...body } = bodyOf(query, null);
  const { id } = await post("/v1/saved-searches", { ...body, name: name.slice(0, 200), alert: true });
  follow();
  return id;
}

/** @param {string} id */
export async function unwatch(id) {
  try {
    await remove(`/v1/saved-searches/${id}`);
  } catch (error) {
    if (!(error instanceof ProblemError && error.status === 404)) throw error; // forgotten already
  }
}

function follow() {
  if (events) return;
  events = new EventSource("/v1/alerts/events");
  events.addEventListener("alert", (event) => {
    const alert = JSON.parse(event.data);
    if (show(alert)) say(`New for ${alert.search_name}: ${alert.hit.path}`);
  });
}

/**
 * @param {Alert} alert
 * @returns {boolean} whether it was not shown before
 */
function show(alert) {
  if (shown.has(alert.number)) return false;
  shown.add(alert.number);
  const { hit } = alert;
  const text = `${fileName(hit.path)} ${interval(hit.start, hit.end)} ${percent(hit.confidence)}`.replace(/ +/g, " ");
  const open = element("button", { type: "button", class: "link", click: () => void openHit(hit) }, text);
  list.prepend(element("li", {}, `${alert.search_name}: `, open));
  byId("alerts-panel", HTMLElement).hidden = false;
  byId("alert-count", HTMLElement).textContent = String(shown.size);
  return true;
}

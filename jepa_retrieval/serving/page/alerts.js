// Saved searches as alerts: the server runs them over everything new, and tells the page.

import { ProblemError, get, has, post, remove } from "./api.js";
import { byId, element, fileName, interval, percent, say, sayProblem } from "./dom.js";
import { openHit } from "./player.js";
import { bodyOf } from "./query.js";

/** @import { Alert, Query, Stream } from "./types" */

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
  await showStreams();
  byId("alerts-panel", HTMLElement).addEventListener("toggle", () => void showStreams().catch(sayProblem));
}

/** The cameras and addresses that are watched, and how they fare. */
async function showStreams() {
  const { data } = await get("/v1/streams");
  byId("streams", HTMLElement).replaceChildren(
    ...data.map((/** @type {Stream} */ { name, state, detail }) =>
      element("li", { class: state }, `${name}: ${detail ? `${state}, ${detail}` : state}`),
    ),
  );
  if (data.length) byId("alerts-panel", HTMLElement).hidden = false;
}

/**
 * @param {string} name
 * @param {Query} query
 * @returns {Promise<{ id: string, onStreams: boolean }>} the id by which the server keeps the search, and whether no
 *   stream is left out of it
 */
export async function watch(name, query) {
  const { top_k, ...body } = bodyOf(query, null);
  const { id, on_streams } = await post("/v1/saved-searches", { ...body, name: name.slice(0, 200), alert: true });
  follow();
  return { id, onStreams: on_streams || !byId("streams", HTMLElement).childElementCount };
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
    if (show(alert)) say(`New for ${alert.search_name}: ${alert.hit?.path ?? alert.sighting?.stream}`);
  });
}

/**
 * @param {Alert} alert
 * @returns {boolean} whether it was not shown before
 */
function show(alert) {
  if (shown.has(alert.number)) return false;
  shown.add(alert.number);
  const { hit, sighting } = alert;
  if (hit) {
    const text = `${fileName(hit.path)} ${interval(hit.start, hit.end)} ${percent(hit.confidence)}`.replace(/ +/g, " ");
    const open = element("button", { type: "button", class: "link", click: () => void openHit(hit) }, text);
    list.prepend(element("li", {}, `${alert.search_name}: `, open));
  } else if (sighting) {
    const picture = sighting.picture_url ? element("img", { src: sighting.picture_url, alt: "" }) : null;
    const time = new Date(alert.time).toLocaleTimeString();
    const text = `${alert.search_name}: ${sighting.stream} ${time} ${percent(sighting.confidence)}`;
    list.prepend(element("li", { class: "sighting" }, picture, text));
  }
  byId("alerts-panel", HTMLElement).hidden = false;
  byId("alert-count", HTMLElement).textContent = String(shown.size);
  return true;
}

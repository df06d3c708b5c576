// Runs the search, a page of hits at a time, and says what came of it.

import { ProblemError, indexes, search as ask } from "./api.js";
import { byId, count, element, percent, say, sayProblem } from "./dom.js";
import { showFilterProblem } from "./filters.js";
import { described, markSearched, query, remember, requestBody, requestTerms } from "./query.js";
import { addHits, clearHits, shownHits } from "./results.js";

const MIN_SHOWN = 4; // hits that are shown however unlikely they are
const REACH = 2000; // hits that the server pages through

/** @import { Hit, SearchResponse } from "./types" */

const more = byId("more", HTMLElement);
const fold = byId("fold", HTMLElement);

/** @type {AbortController | null} */
let running = null;
/** @type {string | null} */
let cursor = null;
/** @type {Hit[]} */
let folded = []; // answered, and not shown because they are unlikely
let unfolded = false; // whether unlikely hits are shown

/** Load further hits when the end of the list comes into view, or its button is used. */
export function setUpSearch() {
  byId("more-button", HTMLElement).addEventListener("click", () => void loadMore());
  byId("fold-button", HTMLElement).addEventListener("click", unfold);
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) void loadMore();
  }).observe(more);
}

/** @param {{ keep?: boolean }} [options] keep: leave the browser's history as it is */
export async function search({ keep = false } = {}) {
  if (!keep) remember();
  markSearched();
  running?.abort();
  cursor = null;
  more.hidden = true;
  foldAway([]);
  showFilterProblem("");
  if (!requestTerms().length) {
    clearHits();
    showVerdict(null);
    say("");
    await sayWhatIsThere();
    return;
  }
  await load(true);
}

/** Before the first search, say what can be searched. */
async function sayWhatIsThere() {
  try {
    const { data } = await indexes();
    const [videos, images] = [sum(data.map((one) => one.videos)), sum(data.map((one) => one.images))];
    if (requestTerms().length || byId("status", HTMLElement).textContent) return; // something else was said meanwhile
    const audio = sum(data.map((one) => one.audio));
    const heard = audio ? `, and ${count(audio, "audio file")} by what is said` : "";
    say(`Search ${count(videos, "video")} and ${count(images, "photograph")} by meaning${heard}.`);
  } catch (error) {
    sayProblem(error);
  }
}

/** @param {number[]} numbers */
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

async function loadMore() {
  if (!cursor || running) return;
  await load(false);
}

/** @param {boolean} first */
async function load(first) {
  const mine = (running = new AbortController());
  byId("results", HTMLElement).setAttribute("aria-busy", "true");
  try {
    const answer = await ask(requestBody(cursor), mine.signal);
    if (first) {
      clearHits();
      unfolded = query.confidence > 0; // then the user has said what is likely enough
    }
    const likely = Math.max(answer.likely, MIN_SHOWN - shownHits().length);
    const shown = unfolded ? answer.data.length : likely;
    addHits(answer.data.slice(0, shown));
    foldAway(answer.data.slice(shown));
    cursor = shownHits().length + folded.length < REACH ? answer.next_cursor : null;
    more.hidden = !cursor || folded.length > 0;
    if (first) showVerdict(answer);
    const time = first ? ` in ${Math.round(answer.elapsed_ms)} ms` : "";
    const rest = folded.length ? "; less likely ones are folded away" : cursor ? "; more below" : "";
    const found = `${count(shownHits().length, "moment")}${time}${rest}.`;
    say([...answer.warnings, shownHits().length ? found : ""].filter(Boolean).join(" "));
  } catch (error) {
    if (mine.signal.aborted) return;
    cursor = null;
    if (error instanceof ProblemError && error.isOfFilter) showFilterProblem(error.message);
    if (first) {
      clearHits();
      showVerdict(null);
    }
    sayProblem(error);
  } finally {
    if (running === mine) {
      running = null;
      byId("results", HTMLElement).removeAttribute("aria-busy");
    }
  }
}

/** @param {Hit[]} hits that are not shown until they are asked for */
function foldAway(hits) {
  folded = hits;
  fold.hidden = !hits.length;
}

function unfold() {
  const [first] = folded;
  addHits(folded);
  unfolded = true;
  foldAway([]);
  more.hidden = !cursor;
  /** @type {HTMLElement | null} */ (document.querySelector(`#results [data-rank="${first.rank}"]`))?.focus();
  say(`${count(shownHits().length, "moment")}${cursor ? "; more below" : ""}.`);
}

/**
 * Say that nothing was found, or what the server says of a poor best hit.
 * @param {SearchResponse | null} answer null: nothing was asked
 */
function showVerdict(answer) {
  const place = byId("verdict", HTMLElement);
  place.replaceChildren();
  if (answer?.data.length) {
    if (answer.verdict === null) return;
    place.append(element("strong", {}, answer.verdict), " These are the nearest moments, not what you described.");
  } else if (answer) {
    place.append(element("strong", {}, "Nothing found"), ` for ${described()}. `);
    const hints = [];
    if (query.confidence > 0) hints.push(`lower the confidence (${percent(query.confidence)})`);
    if (query.filter) hints.push("clear the filter");
    if (hints.length) place.append(`You can ${hints.join(" or ")}.`);
  }
}

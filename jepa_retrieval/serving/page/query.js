// What is searched for: its state, the address of the page, and the body of the request.

/** @import { Query, ShownTerm, Term } from "./types" */

/** @type {Query} */
const EMPTY = { text: "", terms: [], filter: "", group: "moment", confidence: 0 };

/** @type {Query} */
export let query = { ...EMPTY };

/** @type {Query} what the hits on the page answer */
let searched = { ...EMPTY };

/** @type {Set<() => void>} */
const searchListeners = new Set();

/** @type {Set<() => void>} */
const listeners = new Set();

/** @param {() => void} listener called when the query has changed */
export function onQuery(listener) {
  listeners.add(listener);
}

/** @param {() => void} listener called when another query is searched for */
export function onSearch(listener) {
  searchListeners.add(listener);
}

/** Whether the hits on the page are those of the query as it is now. */
export function isSearched() {
  return searched === query;
}

/** The query as it is now is searched for. */
export function markSearched() {
  if (isSearched()) return;
  searched = query;
  for (const listener of searchListeners) listener();
}

/** The terms of the last search, whatever has been typed since. */
export function searchedTerms() {
  return termsOf(searched);
}

/** @param {Partial<Query>} change */
export function change(change) {
  query = { ...query, ...change };
  for (const listener of listeners) listener();
}

/** @param {ShownTerm} term */
export function addTerm(term) {
  change({ terms: [...query.terms, term] });
}

/**
 * A text as a term; a minus in front subtracts it, as in `-people`.
 * @param {string} text
 * @returns {ShownTerm | null}
 */
export function textTerm(text) {
  const minus = /^[-−]\s*(?=\S)/.exec(text.trim());
  const bare = text.trim().slice(minus ? minus[0].length : 0);
  return bare ? { text: bare, label: bare, weight: minus ? -1 : 1 } : null;
}

/**
 * The terms as the server takes them.
 * @returns {Term[]}
 */
export function requestTerms() {
  return termsOf(query);
}

/**
 * @param {Query} asked
 * @returns {Term[]}
 */
function termsOf(asked) {
  const typed = textTerm(asked.text);
  return [...(typed ? [typed] : []), ...asked.terms].map(({ label, picture, ...term }) => term);
}

/**
 * The body of a search.
 * @param {string | null} cursor
 */
export function requestBody(cursor) {
  return bodyOf(query, cursor);
}

/**
 * @param {Query} asked
 * @param {string | null} cursor
 */
export function bodyOf(asked, cursor) {
  return {
    query: termsOf(asked),
    top_k: 24,
    group_by: asked.group === "file" ? "file" : "moment",
    min_confidence: asked.confidence,
    ...(asked.filter.trim() ? { filter: asked.filter.trim() } : {}),
    ...(cursor ? { cursor } : {}),
  };
}

/** The query in a few words. */
export function described() {
  const typed = textTerm(query.text);
  const terms = [...(typed ? [typed] : []), ...query.terms];
  return terms.map((term, at) => (term.weight < 0 ? "− " : at ? "+ " : "") + term.label).join(" ");
}

/** The address of this search. Pictures are too long for one: they stay in the browser's history only. */
function address() {
  const terms = query.terms.filter((term) => !term.image_url).map(({ picture, ...term }) => term);
  const parts = new URLSearchParams();
  if (query.text) parts.set("q", query.text);
  if (terms.length) parts.set("terms", JSON.stringify(terms));
  if (query.filter) parts.set("filter", query.filter);
  if (query.group !== EMPTY.group) parts.set("group", query.group);
  if (query.confidence) parts.set("confidence", String(query.confidence));
  return parts.size ? `?${parts}` : location.pathname;
}

/** Keep the query in the browser's history. */
export function remember() {
  if (`?${new URLSearchParams(location.search)}` === address() && history.state) return;
  history.pushState(query, "", address());
}

/** Take the query from the browser's history, or else from the address. */
export function restore() {
  if (history.state) return change({ ...EMPTY, ...history.state });
  const parts = new URLSearchParams(location.search);
  const group = parts.get("group");
  change({
    text: parts.get("q") ?? "",
    terms: readTerms(parts.get("terms")),
    filter: parts.get("filter") ?? "",
    group: group === "by-file" || group === "file" ? group : "moment",
    confidence: Math.min(1, Math.max(0, Number(parts.get("confidence")) || 0)),
  });
}

/**
 * @param {string | null} text
 * @returns {ShownTerm[]}
 */
function readTerms(text) {
  try {
    const terms = JSON.parse(text ?? "[]");
    return Array.isArray(terms) ? terms.filter((term) => term && typeof term.label === "string" && term.weight) : [];
  } catch {
    return [];
  }
}

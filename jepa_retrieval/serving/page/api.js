// Requests to the server. Every failure is a ProblemError with one sentence for the user.

/** @import { Term, SearchResponse, MediaItem, MediaPage, Scores, IndexItem } from "./types" */

/** What the server answers instead of a result (RFC 9457). */
export class ProblemError extends Error {
  /**
   * @param {number} status 0 if the server cannot be reached
   * @param {string} detail
   * @param {string[]} pointers values of the request that are not valid
   */
  constructor(status, detail, pointers = []) {
    super(detail);
    this.status = status;
    this.pointers = pointers;
  }

  /** Whether the filter of the request is at fault. */
  get isOfFilter() {
    return this.status === 422 && (this.pointers.includes("/filter") || /\bfilter\b/i.test(this.message));
  }
}

/** @type {() => Promise<boolean>} asks for the token; whether a session was opened */
let askForToken = async () => false;

/** @param {() => Promise<boolean>} ask */
export function onTokenNeeded(ask) {
  askForToken = ask;
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ProblemError(0, "The server cannot be reached. Is it still running?");
  }
  if (response.ok) return response;
  if (response.status === 401 && path !== "/v1/session" && (await askForToken())) return request(path, options);
  const problem = await response.json().catch(() => ({}));
  const pointers = (problem.errors ?? []).map((/** @type {{pointer: string}} */ item) => item.pointer);
  throw new ProblemError(response.status, problem.detail ?? response.statusText, pointers);
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export async function get(path, signal) {
  return (await request(path, { signal })).json();
}

/**
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 */
export async function post(path, body, signal) {
  return (await send(path, body, signal)).json();
}

/**
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 */
export function send(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return request(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

/**
 * Why the server does not give a file, as a sentence.
 * @param {string} path
 */
export async function whyNot(path) {
  const headers = new AbortController();
  try {
    await request(path, { signal: headers.signal });
    return "the browser does not play it.";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    headers.abort(); // the rest need not be sent
  }
}

/** @param {string} path */
export function remove(path) {
  return request(path, { method: "DELETE" });
}

/**
 * @param {object} body
 * @param {AbortSignal} [signal]
 * @returns {Promise<SearchResponse>}
 */
export function search(body, signal) {
  return post("/v1/search", body, signal);
}

/**
 * @param {number} id
 * @param {Term[]} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<Scores>}
 */
export function scores(id, query, signal) {
  return post(`/v1/media/${id}/scores`, { query }, signal);
}

/** @type {Map<number, Promise<MediaItem>>} */
const known = new Map();

/**
 * @param {number} id
 * @returns {Promise<MediaItem>}
 */
export function media(id) {
  let item = known.get(id);
  if (!item) {
    item = get(`/v1/media/${id}`);
    known.set(id, item);
    item.catch(() => known.delete(id));
  }
  return item;
}

/** What is known of files is out of date. */
export function forgetMedia() {
  known.clear();
}

/**
 * @param {Record<string, string>} parameters
 * @returns {Promise<MediaPage>}
 */
export function mediaPage(parameters) {
  return get(`/v1/media?${new URLSearchParams(parameters)}`);
}

/** @returns {Promise<{data: IndexItem[], read_only: boolean}>} */
export function indexes() {
  return get("/v1/indexes");
}

/** @type {Promise<Set<string>> | null} */
let paths = null;

/**
 * Whether this server has a resource.
 * @param {string} path as in the OpenAPI document
 */
export async function has(path) {
  paths ??= get("/openapi.json").then((document) => new Set(Object.keys(document.paths)));
  return (await paths.catch(() => new Set())).has(path);
}

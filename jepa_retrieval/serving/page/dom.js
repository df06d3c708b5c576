// Small helpers: elements, times, numbers, and messages to the user.

/**
 * An element that must be in the page.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/**
 * A new element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | ((event: any) => void) | null | undefined>} attributes
 *   functions are listeners, false and null leave an attribute out
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) {
      made.setAttribute(name, value === true ? "" : String(value));
    }
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * Seconds as a player's clock shows them, rounded down; decimals to the nearest. As `jepa_retrieval/times.py` writes them.
 * @param {number} seconds
 * @param {number} decimals
 */
export function clock(seconds, decimals = 0) {
  const perSecond = 10 ** decimals;
  const units = Math.floor(decimals ? seconds * perSecond + 0.5 : seconds + 1e-6);
  const whole = Math.floor(units / perSecond);
  const digits = (/** @type {number} */ number, /** @type {number} */ length) => String(number).padStart(length, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const last = digits(whole % 60, 2) + (decimals ? `.${digits(units % perSecond, decimals)}` : "");
  return hours ? `${hours}:${digits(minutes, 2)}:${last}` : `${minutes}:${last}`;
}

/** @param {number} seconds */
function withTenths(seconds) {
  const tenths = Math.floor(seconds * 10 + 0.5);
  return clock(tenths / 10, tenths % 10 ? 1 : 0);
}

/**
 * From when to when, as a terminal shows it: tenths where a time has them, 0:04.5-0:10. Nothing for an image.
 * @param {number | null} start
 * @param {number | null} end
 */
export function interval(start, end) {
  if (start === null || end === null) return "";
  const [begin, finish] = [withTenths(start), withTenths(end)];
  if (begin !== finish) return `${begin}-${finish}`;
  return `${clock(start, 3)}-${clock(end, 3)}`; // less than a tenth of a second must not read as nothing
}

/**
 * The words that answer the query, as a hit shows them: said: “…”, or said in other words: “…”.
 * @param {{ said?: string | null, written?: string | null, by_meaning?: string[] }} hit
 */
export function wordsOf({ said, written, by_meaning: alike = [] }) {
  /** @param {string} sense @param {string | null | undefined} text */
  const shown = (sense, text) =>
    text ? `${sense}${alike.includes(sense) ? " in other words" : ""}: “${text}”` : "";
  return [shown("said", said), shown("written", written)].filter(Boolean);
}

/** @param {number | null} share */
export function percent(share) {
  return share === null ? "" : `${Math.round(share * 100)} %`;
}

/** @param {string} path */
export function fileName(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}

/**
 * `1 file`, `3 files`
 * @param {number} number
 * @param {string} noun
 */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 999.5 && unit < units.length - 1) [bytes, unit] = [bytes / 1000, unit + 1];
  return `${bytes >= 99.5 || unit === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

/**
 * Tell the user, on the screen and through a screen reader.
 * @param {string} text
 * @param {{ problem?: boolean }} [options]
 */
export function say(text, { problem = false } = {}) {
  const status = byId("status", HTMLElement);
  status.textContent = text;
  status.classList.toggle("problem", problem);
}

/** @param {unknown} error */
export function sayProblem(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  say(error instanceof Error ? error.message : String(error), { problem: true });
}

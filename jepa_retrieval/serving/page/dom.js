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
 * Seconds as a player's clock shows them.
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/**
 * @param {number | null} start
 * @param {number | null} end
 */
export function interval(start, end) {
  if (start === null || end === null) return "";
  return `${clock(start)}–${clock(Math.ceil(end - 1e-6))}`;
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

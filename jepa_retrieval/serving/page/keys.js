// The keyboard: every action of the page has a key, and `?` lists them.

import { byId, element } from "./dom.js";
import { closePlayer, playerIsOpen, skip, togglePlay } from "./player.js";
import { focusedHit, likeLess, likeMore, moveFocus } from "./results.js";

/** @type {[string, string][]} */
const KEYS = [
  ["/", "type a search"],
  ["Enter", "search; on a hit, play it"],
  ["Alt Enter", "make the typed text a term of its own"],
  ["← → ↑ ↓", "from hit to hit"],
  ["m, n", "more or less like the hit with the focus"],
  ["x", "select the hit with the focus"],
  ["Space, k", "play or pause"],
  ["j, l", "10 seconds back or forward"],
  [", .", "one second back or forward"],
  ["← → on the strip", "5 seconds back or forward"],
  ["Esc", "leave the search field; close the player"],
  ["?", "this list"],
];

export function setUpKeys() {
  const help = byId("help", HTMLDialogElement);
  byId("keys", HTMLElement).replaceChildren(
    ...KEYS.flatMap(([key, what]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, what)]),
  );
  byId("show-help", HTMLElement).addEventListener("click", () => help.showModal());
  byId("close-help", HTMLElement).addEventListener("click", () => help.close());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const at = /** @type {HTMLElement} */ (event.target);
    if (at.matches("textarea, select, input:not([type=checkbox])")) {
      if (event.key === "Escape") {
        event.preventDefault(); // browsers empty the field
        at.blur();
      }
      if (at.id === "query" && actInQuery(event.key, /** @type {HTMLInputElement} */ (at))) event.preventDefault();
      return;
    }
    if (act(event, at, help)) event.preventDefault();
  });
}

/**
 * Keys that are not text in the search box: down to the hits, and "/" for somebody who is there already.
 * @param {string} key
 * @param {HTMLInputElement} query
 * @returns {boolean} whether the key has a meaning there
 */
function actInQuery(key, query) {
  if (key === "ArrowDown") moveFocus(key);
  return key === "ArrowDown" || (key === "/" && query.value === "");
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLElement} at
 * @param {HTMLDialogElement} help
 * @returns {boolean} whether the key has a meaning here
 */
function act(event, at, help) {
  const hit = focusedHit();
  switch (event.key) {
    case "/":
      byId("query", HTMLInputElement).focus();
      byId("query", HTMLInputElement).select();
      return true;
    case "?":
      help.showModal();
      return true;
    case "ArrowLeft":
    case "ArrowRight":
    case "ArrowUp":
    case "ArrowDown":
      if (at !== document.body && !at.closest("#results")) return false;
      moveFocus(event.key);
      return true;
    case "m":
    case "n":
      if (hit) (event.key === "m" ? likeMore : likeLess)(hit);
      return hit !== null;
    case "x":
      at.closest(".card")?.querySelector("input")?.click();
      return hit !== null;
    default:
      return playerIsOpen() && actOnPlayer(event, at);
  }
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLElement} at
 */
function actOnPlayer(event, at) {
  switch (event.key) {
    case " ":
      // Space activates the button that has the focus, but on hits it pauses.
      if (at.matches("button:not(.open), input, summary, a")) return false;
      togglePlay();
      return true;
    case "k":
      togglePlay();
      return true;
    case "j":
    case "l":
      skip(event.key === "j" ? -10 : 10);
      return true;
    case ",":
    case ".":
      skip(event.key === "," ? -1 : 1);
      return true;
    case "Escape":
      closePlayer();
      return true;
    default:
      return false;
  }
}

// Searches that are kept in this browser.

import { byId, element, say } from "./dom.js";
import { change, described, query, requestTerms } from "./query.js";

/** @import { Query } from "./types" */

const KEY = "jepa.saved";

/** @param {() => void} search */
export function setUpSaved(search) {
  byId("save", HTMLElement).addEventListener("click", () => {
    if (!requestTerms().length) {
      say("Search for something first: then the search can be saved.");
      return;
    }
    const name = described();
    if (write([{ name, query }, ...read().filter((saved) => saved.name !== name)])) say(`Saved: ${name}`);
    show(search);
  });
  show(search);
}

/** @param {() => void} search */
function show(search) {
  const list = byId("saved", HTMLElement);
  list.replaceChildren(
    ...read().map((saved) =>
      element(
        "li",
        {},
        element(
          "button",
          {
            type: "button",
            click: () => {
              change(saved.query);
              search();
            },
          },
          saved.name,
        ),
        element(
          "button",
          {
            type: "button",
            "aria-label": `Forget ${saved.name}`,
            click: () => {
              write(read().filter((other) => other.name !== saved.name));
              show(search);
            },
          },
          "×",
        ),
      ),
    ),
  );
  byId("saved-panel", HTMLElement).hidden = !list.childElementCount;
}

/** @returns {{ name: string, query: Query }[]} */
function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((saved) => typeof saved?.name === "string" && saved.query?.terms) : [];
  } catch {
    return [];
  }
}

/** @param {{ name: string, query: Query }[]} searches */
function write(searches) {
  try {
    localStorage.setItem(KEY, JSON.stringify(searches));
    return true;
  } catch {
    say("The browser has no room for this search: its pictures are too large.", { problem: true });
    return false;
  }
}

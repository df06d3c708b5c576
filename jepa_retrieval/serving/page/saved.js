// Searches that are kept in this browser.

import { canAlert, unwatch, watch } from "./alerts.js";
import { byId, element, say, sayProblem } from "./dom.js";
import { change, described, query, requestTerms } from "./query.js";

/** @import { Query } from "./types" */

/** @typedef {{ name: string, query: Query, alert?: string }} Saved alert: the id by which the server watches for it */

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
        watchBox(saved),
        element(
          "button",
          {
            type: "button",
            "aria-label": `Forget ${saved.name}`,
            click: () => {
              if (saved.alert) void unwatch(saved.alert).catch(sayProblem);
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

/**
 * The box that makes a saved search an alert.
 * @param {Saved} saved
 */
function watchBox(saved) {
  const box = element("input", { type: "checkbox", "aria-label": `Alert for ${saved.name}` });
  box.checked = Boolean(saved.alert);
  box.addEventListener("change", async () => {
    box.disabled = true;
    try {
      const watched = box.checked ? await watch(saved.name, saved.query) : (await unwatch(saved.alert ?? ""), undefined);
      const alert = watched?.id;
      saved.alert = alert;
      write(read().map((other) => (other.name === saved.name ? { ...other, alert } : other)));
      const where = watched && !watched.onStreams ? " Streams are not watched for filters, pictures and clips." : "";
      say(alert ? `You will be told when something new fits: ${saved.name}.${where}` : `No more alerts: ${saved.name}`);
    } catch (error) {
      box.checked = Boolean(saved.alert);
      sayProblem(error);
    }
    box.disabled = false;
  });
  const label = element("label", { class: "watch", hidden: true }, box, "alert");
  void canAlert().then((can) => (label.hidden = !can));
  return label;
}

/** @returns {Saved[]} */
function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((saved) => typeof saved?.name === "string" && saved.query?.terms) : [];
  } catch {
    return [];
  }
}

/** @param {Saved[]} searches */
function write(searches) {
  try {
    localStorage.setItem(KEY, JSON.stringify(searches));
    return true;
  } catch {
    say("The browser has no room for this search: its pictures are too large.", { problem: true });
    return false;
  }
}

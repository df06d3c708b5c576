// The views of the page, of which one is shown.

/** @type {Record<string, () => unknown>} */
let shows = {};

/** @param {Record<string, () => unknown>} actions what to do when a view is shown */
export function setUpViews(actions) {
  shows = actions;
  for (const button of buttons()) {
    button.addEventListener("click", () => showView(button.dataset.view ?? "search"));
  }
}

/** @param {string} name */
export function showView(name) {
  for (const button of buttons()) {
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  for (const view of document.querySelectorAll("main > section[id^=view-]")) {
    view.toggleAttribute("hidden", view.id !== `view-${name}`);
  }
  void shows[name]?.();
}

/** @returns {NodeListOf<HTMLElement>} */
function buttons() {
  return document.querySelectorAll("nav [data-view]");
}

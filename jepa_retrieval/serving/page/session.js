// The token of a server that needs one, asked for once.

import { ProblemError, onTokenNeeded, send } from "./api.js";
import { byId } from "./dom.js";

/** @type {Promise<boolean> | null} */
let asking = null;

export function setUpSession() {
  onTokenNeeded(() => (asking ??= ask().finally(() => (asking = null))));
}

/** @returns {Promise<boolean>} whether there is a session now */
function ask() {
  const dialog = byId("login", HTMLDialogElement);
  const form = byId("login-form", HTMLFormElement);
  const field = byId("token", HTMLInputElement);
  const problem = byId("login-problem", HTMLElement);
  problem.textContent = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const done = new AbortController();
    const end = (/** @type {boolean} */ opened) => {
      done.abort();
      field.value = "";
      if (dialog.open) dialog.close();
      resolve(opened);
    };
    dialog.addEventListener("close", () => end(false), { signal: done.signal });
    form.addEventListener(
      "submit",
      async (event) => {
        event.preventDefault();
        try {
          await send("/v1/session", { token: field.value });
          end(true);
        } catch (error) {
          problem.textContent = error instanceof ProblemError ? error.message : String(error);
          field.select();
        }
      },
      { signal: done.signal },
    );
  });
}

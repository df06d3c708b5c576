// The query box: the text, and the other terms as chips with weights; pictures are dropped, pasted or chosen.

import { byId, element, say, sayProblem } from "./dom.js";
import { addTerm, change, isSearched, onQuery, query, textTerm } from "./query.js";

/** @import { ShownTerm } from "./types" */

const LONGEST_SIDE = 768; // pixels that a picture is scaled down to before it is sent
const MAX_BYTES = 24 * 2 ** 20;

const input = byId("query", HTMLInputElement);
const list = byId("chips", HTMLElement);

/** @param {() => void} search called when a chip has changed */
export function setUpChips(search) {
  input.addEventListener("input", () => change({ text: input.value }));
  byId("add-term", HTMLElement).addEventListener("click", () => addTyped());
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.altKey) {
      event.preventDefault();
      addTyped();
    } else if (event.key === "Backspace" && !input.value && query.terms.length) {
      change({ terms: query.terms.slice(0, -1) });
    }
  });
  // The cross in the field empties it: the hits of its text go, too.
  input.addEventListener("search", () => !input.value && !isSearched() && search());
  onQuery(() => show(search));
  setUpPictures(search);
}

function addTyped() {
  const term = textTerm(input.value);
  if (term) change({ text: "", terms: [...query.terms, term] });
  else say("Type a text first: the button turns it into a term, and you can add another one.");
  input.focus();
}

/** @param {() => void} search */
function show(search) {
  if (input.value !== query.text) input.value = query.text;
  const focused = document.activeElement?.id;
  list.replaceChildren(...query.terms.map((term, at) => chip(term, at, search)));
  if (focused?.startsWith("weight-")) document.getElementById(focused)?.focus();
}

/**
 * @param {ShownTerm} term
 * @param {number} at
 * @param {() => void} search
 */
function chip(term, at, search) {
  const replaced = (/** @type {ShownTerm[]} */ ...terms) => {
    change({ terms: [...query.terms.slice(0, at), ...terms, ...query.terms.slice(at + 1)] });
    search();
  };
  const weight = element("input", {
    id: `weight-${at}`,
    type: "number",
    value: term.weight,
    step: 0.5,
    min: -10,
    max: 10,
    "aria-label": `Weight of ${term.label}`,
    change: () => {
      const given = Number(weight.value);
      replaced({ ...term, weight: given && Number.isFinite(given) ? Math.max(-10, Math.min(10, given)) : 1 });
    },
  });
  const picture = term.picture ? element("img", { src: term.picture, alt: "" }) : null;
  const away = element(
    "button",
    {
      type: "button",
      "aria-label": `Remove ${term.label}`,
      click: () => {
        replaced();
        input.focus();
      },
    },
    "×",
  );
  const sign = element("span", { class: "sign", "aria-hidden": "true" }, term.weight < 0 ? "−" : "+");
  const label = element("span", { class: "label", title: term.label }, term.label);
  return element("li", { class: term.weight < 0 ? "chip less" : "chip" }, sign, picture, label, weight, away);
}

/** @param {() => void} search */
function setUpPictures(search) {
  const chooser = byId("picture", HTMLInputElement);
  byId("choose-picture", HTMLElement).addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    void addPictures(chooser.files, search);
    chooser.value = "";
  });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length) return;
    event.preventDefault();
    void addPictures(files, search);
  });
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    const files = event.dataTransfer?.files;
    if (!files?.length) return;
    event.preventDefault();
    void addPictures(files, search);
  });
}

/**
 * @param {FileList | null} files
 * @param {() => void} search
 */
async function addPictures(files, search) {
  const chosen = [...(files ?? [])]; // the list itself is emptied with the field
  try {
    for (const file of chosen) {
      if (file.type && !file.type.startsWith("image/")) {
        throw new Error(`${file.name} is not a picture. Drop a picture to search by it.`);
      }
      const url = await dataUrl(file);
      addTerm({ image_url: url, picture: url, label: file.name || "picture", weight: 1 });
    }
    if (chosen.length) search();
  } catch (error) {
    sayProblem(error);
  }
}

/**
 * A picture as a data URL, scaled down; as it is if the browser cannot decode it, but the server may.
 * @param {File} file
 * @returns {Promise<string>}
 */
async function dataUrl(file) {
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = element("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no canvas");
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", 0.92);
  } catch {
    if (file.size > MAX_BYTES) throw new Error(`${file.name} is larger than ${MAX_BYTES / 2 ** 20} MB.`);
    return new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.addEventListener("load", () => resolve(String(reader.result)));
      reader.addEventListener("error", () => reject(new Error(`${file.name} cannot be read.`)));
      reader.readAsDataURL(file);
    });
  }
}

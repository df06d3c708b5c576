// Questions about the whole library, or about the open file.

import { has, post } from "./api.js";
import { byId, count, element, fileName, interval, percent, say, sayProblem, wordsOf } from "./dom.js";
import { openHit, openItem } from "./player.js";

/** @import { Chosen, ChosenItem, Hit } from "./types" */

const YES_OR_NO = /^(is|are|was|were|does|do|did|has|have|can|could|will)\b/i;

const form = byId("ask-form", HTMLFormElement);
const scope = byId("ask-scope", HTMLSelectElement);
const list = byId("answers", HTMLElement);

export async function setUpAsk() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void ask();
  });
  byId("tab-ask", HTMLElement).hidden = !(await has("/v1/ask"));
}

/** The open file can be asked about. */
export function showAsk() {
  offerOpenFile(scope);
  byId("question", HTMLElement).focus();
}

async function ask() {
  const question = byId("question", HTMLInputElement).value.trim();
  const answers = names(byId("possible-answers", HTMLInputElement).value);
  const near = byId("ask-near", HTMLInputElement).value.trim();
  const open = openItem();
  if (!question) {
    say("Type a question first.");
    return;
  }
  say("Asking…");
  list.replaceChildren();
  try {
    /** @type {Chosen} */
    const found = await post("/v1/ask", {
      question,
      per: "moment",
      limit: 60,
      ...(answers.length ? { answers } : YES_OR_NO.test(question) ? { answer: "yes" } : {}),
      ...(near ? { search: near } : {}),
      ...(scope.value === "open" && open ? { media_id: open.id } : {}),
    });
    list.replaceChildren(...found.data.map((item) => element("li", { class: "answer" }, ...shown(item))));
    const rest = found.total > found.data.length ? ` of ${found.total.toLocaleString("en")}` : "";
    const what = found.data.length ? `${count(found.data.length, "moment")}${rest}.` : "Nothing to ask about.";
    say([...found.warnings, what].join(" "));
  } catch (error) {
    sayProblem(error);
  }
}

/** @param {ChosenItem} item */
function shown(item) {
  const time = interval(item.start, item.end);
  const open = element(
    "button",
    { type: "button", class: "link", title: item.path, click: () => void openHit(asHit(item)) },
    `${fileName(item.path)} ${time}`.trim(),
  );
  const choices = item.choices.map((choice) =>
    element(
      "span",
      { class: "choice" },
      element("meter", { min: 0, max: 1, value: choice.probability, "aria-hidden": "true" }),
      `${choice.name} ${percent(choice.probability)}`,
    ),
  );
  const picture = element("img", { src: item.thumbnail_url, alt: "", loading: "lazy" });
  const words = wordsOf(item).map((text) => element("span", { class: "quiet" }, text));
  return [picture, element("span", { class: "words" }, open, ...choices, ...words)];
}

/**
 * An item as the player takes it.
 * @param {ChosenItem} item
 * @returns {Hit}
 */
export function asHit(item) {
  const { media_id, index, path, start, end, thumbnail_url } = item;
  return {
    id: item.clip_id ?? -1,
    media_id,
    index,
    path,
    kind: start === null ? "image" : "video",
    start,
    end,
    score: 0,
    confidence: null,
    rank: 0,
    caption: null,
    offline: false,
    thumbnail_url,
  };
}

/**
 * Offer the open file beside the whole library.
 * @param {HTMLSelectElement} choice with the options "all" and "open"
 */
export function offerOpenFile(choice) {
  const open = openItem();
  const option = choice.options[1];
  option.disabled = !open;
  option.textContent = open ? `the open file: ${fileName(open.path)}` : "the open file";
  if (!open) choice.value = "all";
}

/**
 * Names that are separated by commas or lines.
 * @param {string} text
 */
export function names(text) {
  return [...new Set(text.split(/[,\n]/).map((name) => name.trim()).filter(Boolean))];
}

// The moments that the user has selected, and their export.

import { has, send } from "./api.js";
import { byId, count, element, say, sayProblem } from "./dom.js";
import { described } from "./query.js";
import { selectAll, selectedHits } from "./results.js";

const FORMATS = [
  ["edl", "EDL (CMX 3600)"],
  ["otio", "OpenTimelineIO"],
  ["fcpxml", "FCPXML"],
  ["vtt", "WebVTT"],
  ["csv", "CSV"],
  ["zip", "Clips (zip)"],
];

export function setUpSelection() {
  byId("select-all", HTMLElement).addEventListener("click", () => selectAll(true));
  byId("select-none", HTMLElement).addEventListener("click", () => selectAll(false));
  void has("/v1/export").then((exports) => exports && showFormats());
}

export function showSelection() {
  const selected = selectedHits().length;
  byId("selection", HTMLElement).hidden = !selected;
  byId("selection-count", HTMLElement).textContent = `${count(selected, "moment")} selected`;
}

function showFormats() {
  const choice = element(
    "select",
    { id: "export-format", "aria-label": "Format" },
    ...FORMATS.map(([value, name]) => element("option", { value }, name)),
  );
  const button = element("button", { type: "button", id: "export-button", class: "main" }, "Export");
  button.addEventListener("click", async () => {
    button.disabled = true;
    say("Writing…");
    try {
      await download(choice.value);
    } catch (error) {
      sayProblem(error);
    }
    button.disabled = false;
  });
  byId("export", HTMLElement).replaceChildren(choice, button);
}

/** @param {string} format */
async function download(format) {
  const hits = selectedHits();
  const moments = hits.map(({ media_id, start, end, score, confidence, caption, said, written }) => ({
    media_id,
    score,
    ...(start === null || end === null ? {} : { start, end }),
    ...(confidence === null ? {} : { confidence }),
    ...(said || written || caption ? { label: said || written || caption } : {}),
  }));
  const response = await send("/v1/export", { format, moments, title: described().slice(0, 200) });
  const url = URL.createObjectURL(await response.blob());
  element("a", { href: url, download: `moments.${format}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  const left = leftOut(response.headers.get("x-jepa-left-out"));
  const missing = Number(response.headers.get("x-jepa-left-out-count") ?? 0);
  const written = `${count(hits.length - missing, "moment")} exported as moments.${format}.`;
  const named = left.map((item) => `Left out: ${item.path}: ${item.reason}.`);
  const rest = missing > left.length ? [`${missing - left.length} more left out.`] : [];
  say([written, ...named, ...rest].join(" "), { problem: missing > 0 });
}

/**
 * What the format cannot hold, as the server says it.
 * @param {string | null} header
 * @returns {{ path: string, reason: string }[]}
 */
function leftOut(header) {
  try {
    return JSON.parse(header ?? "[]");
  } catch {
    return [];
  }
}

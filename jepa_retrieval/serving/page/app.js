// Puts the parts of the page together.

import { indexes } from "./api.js";
import { setUpAlerts } from "./alerts.js";
import { setUpAsk, showAsk } from "./ask.js";
import { byId, percent, sayProblem } from "./dom.js";
import { setUpChips } from "./chips.js";
import { setUpDuplicates } from "./duplicates.js";
import { setUpFiles, showFiles } from "./files.js";
import { setUpFilters } from "./filters.js";
import { setUpJobs, showJobs } from "./jobs.js";
import { setUpKeys } from "./keys.js";
import { setUpLabels, showLabels } from "./labels.js";
import { openHit, setUpPlayer } from "./player.js";
import { change, onQuery, query, restore } from "./query.js";
import { nameIndexes, setUpResults } from "./results.js";
import { search, setUpSearch } from "./search.js";
import { setUpSaved } from "./saved.js";
import { setUpSelection, showSelection } from "./selection.js";
import { setUpSession } from "./session.js";
import { setUpViews, showView } from "./views.js";

const again = () => {
  showView("search");
  void search();
};

setUpSession();
setUpViews({ files: showFiles, ask: showAsk, labels: showLabels, jobs: showJobs });
setUpResults({ open: openHit, search: again, selected: showSelection });
setUpSearch();
setUpChips(again);
setUpFilters(again);
setUpPlayer();
setUpFiles();
setUpSaved(again);
setUpSelection();
void indexes().then(({ data }) => nameIndexes(data.length > 1), sayProblem);
void Promise.all([setUpAsk(), setUpLabels(), setUpJobs(), setUpDuplicates(), setUpAlerts()]).catch(sayProblem);
setUpKeys();

byId("search-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  again();
});

const group = byId("group", HTMLSelectElement);
group.addEventListener("change", () => {
  change({ group: /** @type {import("./types").Query["group"]} */ (group.value) });
  again();
});
const confidence = byId("confidence", HTMLInputElement);
confidence.addEventListener("change", () => {
  change({ confidence: Number(confidence.value) });
  again();
});
confidence.addEventListener("input", () => {
  byId("confidence-value", HTMLElement).textContent = percent(Number(confidence.value));
});
onQuery(() => {
  group.value = query.group;
  confidence.value = String(query.confidence);
  byId("confidence-value", HTMLElement).textContent = percent(query.confidence);
});

addEventListener("popstate", () => {
  restore();
  void search({ keep: true });
});
restore();
void search({ keep: true });
byId("query", HTMLElement).focus();

// Indexing with progress. Jobs go on when the page is closed, and are shown again when it is opened.

import { forgetMedia, get, has, indexes, post, remove } from "./api.js";
import { byId, clock, count, element, say, sayProblem } from "./dom.js";

/** @import { IndexItem, Job } from "./types" */

const list = byId("jobs", HTMLElement);

/** @type {Map<string, EventSource>} */
const followed = new Map();

export async function setUpJobs() {
  byId("tab-jobs", HTMLElement).hidden = !(await has("/v1/jobs"));
}

export async function showJobs() {
  try {
    const [{ data, read_only }, jobs] = await Promise.all([indexes(), get("/v1/jobs")]);
    byId("read-only", HTMLElement).hidden = !read_only;
    byId("indexing", HTMLElement).replaceChildren(...data.map((index) => actions(index, read_only)));
    list.replaceChildren();
    for (const job of jobs.data.toReversed()) show(job);
  } catch (error) {
    sayProblem(error);
  }
}

/**
 * @param {IndexItem} index
 * @param {boolean} readOnly
 */
function actions(index, readOnly) {
  const button = (/** @type {string} */ text, /** @type {string} */ kind, /** @type {object} */ body) =>
    element(
      "button",
      { type: "button", disabled: readOnly, "aria-label": `${text}: ${index.name}`, click: () => void start(kind, body) },
      text,
    );
  return element(
    "li",
    {},
    element("strong", {}, index.name),
    ` ${count(index.videos + index.images + index.audio, "file")}, ${count(index.clips, "clip")} `,
    button("Index new and changed files", "index", { index: index.name }),
    index.failed ? button(`Try ${count(index.failed, "failed file")} again`, "index", { index: index.name, retry_failed: true }) : null,
    index.speech ? null : button("Add speech", "index", { index: index.name, speech: true }),
    index.writing ? null : button("Add writing", "index", { index: index.name, writing: true }),
    button("Optimize", "optimize", { index: index.name }),
  );
}

/**
 * @param {string} kind
 * @param {object} body
 */
async function start(kind, body) {
  try {
    show(await post(`/v1/jobs/${kind}`, body));
  } catch (error) {
    sayProblem(error);
  }
}

/**
 * Show a job, the newest first, and follow it until it is over.
 * @param {Job} job
 */
function show(job) {
  const id = `job-${job.id}`;
  const made = element("li", { id, class: `job ${job.state}` }, ...described(job));
  const before = document.getElementById(id);
  if (before) before.replaceWith(made);
  else list.prepend(made);
  if (job.ended !== null) {
    followed.get(job.id)?.close();
    if (followed.delete(job.id)) {
      forgetMedia();
      say(`${sentence(job)} Search again to see what is new.`, { problem: job.state === "failed" });
      void refreshCounts();
    }
    return;
  }
  if (followed.has(job.id)) return;
  const events = new EventSource(job.events_url);
  followed.set(job.id, events);
  events.addEventListener("job", (event) => show(JSON.parse(event.data)));
}

async function refreshCounts() {
  const { data, read_only } = await indexes();
  byId("indexing", HTMLElement).replaceChildren(...data.map((index) => actions(index, read_only)));
}

/** @param {Job} job */
function described(job) {
  const progress = job.progress;
  const parts = [element("span", { class: "words" }, sentence(job))];
  if (job.ended === null) {
    const bar = element("progress", { "aria-label": `Progress of ${job.kind}` });
    if (progress?.files_total) {
      bar.max = progress.files_total;
      bar.value = progress.files_done ?? 0;
    }
    const cancel = element("button", { type: "button", click: () => void remove(`/v1/jobs/${job.id}`).catch(sayProblem) }, "Cancel");
    parts.push(bar, cancel);
    if (progress?.current) parts.push(element("span", { class: "quiet" }, String(progress.current)));
  }
  return parts;
}

/** @param {Job} job */
function sentence(job) {
  const what = `${job.kind === "index" ? "Indexing" : "Optimizing"} ${job.index}`;
  const done = job.progress ?? {};
  switch (job.state) {
    case "waiting":
      return `${what}: waiting for another job.`;
    case "running":
      return done.files_total
        ? `${what}: ${done.files_done ?? 0} of ${count(done.files_total, "file")}, ${clock(done.elapsed ?? 0)}.`
        : `${what}…`;
    case "failed":
      return `${what} failed: ${job.error ?? "the reason is in the server's log"}`;
    case "cancelled":
      return `${what} was cancelled; what was done is kept.`;
    default:
      return `${what} is done${result(job)}.`;
  }
}

/** @param {Job} job */
function result(job) {
  const found = job.result ?? {};
  const parts = [
    typeof found.indexed === "number" ? `${count(found.indexed, "file")} indexed` : "",
    found.spoken ? `speech of ${count(found.spoken, "file")}` : "",
    found.read ? `writing of ${count(found.read, "file")}` : "",
    found.failed_count ? `${found.failed_count.toLocaleString("en")} failed` : "",
    found.removed ? `${found.removed} removed` : "",
  ].filter(Boolean);
  return parts.length ? `: ${parts.join(", ")}` : "";
}

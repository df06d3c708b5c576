// The filter: a form that writes SQL, and the SQL itself, with the server's errors beside it.

import { byId } from "./dom.js";
import { change, onQuery, query } from "./query.js";

const sql = byId("filter", HTMLTextAreaElement);
const problem = byId("filter-problem", HTMLElement);
const panel = byId("filters", HTMLDetailsElement);
const fields = byId("filter-fields", HTMLFieldSetElement);

/** @param {string} id */
const value = (id) => byId(id, HTMLElement) && /** @type {HTMLInputElement} */ (byId(id, HTMLElement)).value.trim();

/** @param {() => void} search called when the filter is complete */
export function setUpFilters(search) {
  fields.addEventListener("change", () => {
    change({ filter: written() });
    search();
  });
  sql.addEventListener("change", () => {
    if (sql.value === query.filter) return;
    change({ filter: sql.value });
    search();
  });
  sql.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    change({ filter: sql.value });
    search();
  });
  byId("clear-filter", HTMLElement).addEventListener("click", () => {
    fields.querySelectorAll("input").forEach((field) => (field.value = ""));
    fields.querySelectorAll("select").forEach((field) => (field.value = ""));
    change({ filter: "" });
    search();
  });
  onQuery(() => {
    if (sql.value !== query.filter && document.activeElement !== sql) sql.value = query.filter;
    byId("filter-note", HTMLElement).textContent = query.filter ? "on" : "";
    const edited = Boolean(query.filter) && query.filter !== written();
    byId("filter-edited", HTMLElement).hidden = !edited;
  });
}

/** The SQL that the form stands for. */
function written() {
  const parts = [];
  if (value("filter-kind")) parts.push(`kind = ${quoted(value("filter-kind"))}`);
  if (value("filter-longer")) parts.push(`duration >= ${Number(value("filter-longer"))}`);
  if (value("filter-shorter")) parts.push(`duration <= ${Number(value("filter-shorter"))}`);
  if (value("filter-path")) parts.push(`contains(lower(path), ${quoted(value("filter-path").toLowerCase())})`);
  if (value("filter-after")) parts.push(`mtime >= ${quoted(value("filter-after"))}`);
  if (value("filter-before")) parts.push(`mtime < ${quoted(value("filter-before"))}`);
  if (value("filter-height")) parts.push(`height >= ${Number(value("filter-height"))}`);
  return parts.join(" and ");
}

/** @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", "''")}'`;
}

/** @param {string} text "" if the filter is valid */
export function showFilterProblem(text) {
  problem.textContent = text;
  problem.hidden = !text;
  sql.toggleAttribute("aria-invalid", Boolean(text));
  if (text) {
    sql.setAttribute("aria-invalid", "true");
    panel.open = true;
  }
}

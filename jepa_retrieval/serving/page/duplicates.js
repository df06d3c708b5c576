// Files and scenes that the library has more than once. Nothing is deleted.

import { get, has } from "./api.js";
import { byId, count, element, interval, percent, say, sayProblem } from "./dom.js";
import { openHit } from "./player.js";

const NAMES = { copies: "the same bytes", near: "the same picture in another form", links: "a file and links to it" };

const button = byId("find-duplicates", HTMLButtonElement);
const list = byId("duplicates", HTMLElement);

export async function setUpDuplicates() {
  button.addEventListener("click", () => void find());
  button.hidden = !(await has("/v1/duplicates"));
}

async function find() {
  button.disabled = true;
  say("Looking for duplicates…");
  try {
    /** @type {import("./types").Duplicates} */
    const { groups, scenes } = await get("/v1/duplicates");
    list.replaceChildren(
      ...groups.map((group) =>
        element(
          "li",
          {},
          `${NAMES[group.kind]}: `,
          ...group.files.map((file) => opener(file.media_id, file.path, null, null, percent(file.similarity))),
        ),
      ),
      ...scenes.map((scene) =>
        element(
          "li",
          {},
          "a shared scene: ",
          opener(scene.first_media_id, scene.first_path, scene.first_start, scene.first_end, ""),
          opener(scene.second_media_id, scene.second_path, scene.second_start, scene.second_end, percent(scene.similarity)),
        ),
      ),
    );
    say(groups.length + scenes.length ? `${count(groups.length, "group")} and ${count(scenes.length, "shared scene")}.` : "No duplicates.");
  } catch (error) {
    sayProblem(error);
  } finally {
    button.disabled = false;
  }
}

/**
 * @param {number} media_id
 * @param {string} path
 * @param {number | null} start
 * @param {number | null} end
 * @param {string} similarity
 */
function opener(media_id, path, start, end, similarity) {
  const hit = { id: -1, media_id, index: "", path, kind: /** @type {const} */ ("video"), start, end, score: 0 };
  const rest = { confidence: null, rank: 0, caption: null, offline: false, thumbnail_url: "" };
  const text = [path, interval(start, end), similarity].filter(Boolean).join(" ");
  return element("button", { type: "button", class: "link", click: () => void openHit({ ...hit, ...rest }) }, text);
}

// Searches as the form is sent, and plays the hit that is chosen.

const form = /** @type {HTMLFormElement} */ (document.getElementById("search"));
const status = /** @type {HTMLElement} */ (document.getElementById("status"));
const hits = /** @type {HTMLElement} */ (document.getElementById("hits"));
const player = /** @type {HTMLElement} */ (document.getElementById("player"));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const query = String(new FormData(form).get("query") ?? "").trim();
  if (!query) return;
  const response = await fetch("/v1/search", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query, top_k: 24 }),
  });
  const answer = await response.json();
  hits.replaceChildren();
  if (!response.ok) {
    status.textContent = answer.detail;
    return;
  }
  status.textContent = answer.data.length ? answer.warnings.join(" ") : "Nothing found.";
  hits.append(...answer.data.map(shown));
});

/** @param {any} hit */
function shown(hit) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const picture = document.createElement("img");
  picture.src = hit.thumbnail_url;
  picture.alt = "";
  const words = document.createElement("span");
  const time = hit.start === null ? "" : ` ${clock(hit.start)}–${clock(hit.end)}`;
  const confidence = hit.confidence === null ? "" : ` ${Math.round(100 * hit.confidence)} %`;
  words.textContent = `${hit.path}${time}${confidence}`;
  button.append(picture, words);
  button.addEventListener("click", () => play(hit));
  item.append(button);
  return item;
}

/** @param {any} hit */
async function play(hit) {
  const item = await (await fetch(`/v1/media/${hit.media_id}`)).json();
  player.hidden = false;
  if (hit.start === null) {
    const picture = document.createElement("img");
    picture.src = item.plays_natively ? item.file_url : item.preview_url;
    picture.alt = hit.path;
    player.replaceChildren(picture);
    return;
  }
  const video = document.createElement("video");
  video.controls = video.autoplay = true;
  const preview = `${item.preview_url}?start=${hit.start}`;
  video.src = item.plays_natively ? `${item.file_url}#t=${hit.start}` : preview;
  video.addEventListener("error", () => { if (!video.src.includes("/preview")) video.src = preview; });
  player.replaceChildren(video);
}

/** @param {number} seconds */
function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

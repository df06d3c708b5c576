// The player: a file at a moment, with the score strip below it and its other moments.

import { indexes, media, scores, whyNot } from "./api.js";
import { loadCaptions, showCaption } from "./captions.js";
import { byId, clock, element, fileName, interval, percent, sayProblem, wordsOf } from "./dom.js";
import { onSearch, searchedTerms } from "./query.js";
import { likeLess, likeMore } from "./results.js";
import { setUpStrip, showScores, showTime } from "./strip.js";
import { offerSurprise, setUpSurprise } from "./surprise.js";

/** @import { Hit, MediaItem } from "./types" */

const panel = byId("player", HTMLElement);
const stage = byId("stage", HTMLElement);
const playButton = byId("play", HTMLButtonElement);
const muteButton = byId("mute", HTMLButtonElement);

/** @type {MediaItem | null} */
let item = null;
/** @type {Hit | null} */
let hit = null;
/** @type {HTMLVideoElement | null} */
let video = null;
let origin = 0; // seconds of the file at which the video on the page starts
let transcoded = false;
/** @type {HTMLElement | null} */
let opener = null;
/** @type {AbortController | null} */
let asking = null;

export function setUpPlayer() {
  setUpStrip(seek);
  setUpSurprise(seek);
  byId("close-player", HTMLElement).addEventListener("click", closePlayer);
  playButton.addEventListener("click", togglePlay);
  byId("back", HTMLElement).addEventListener("click", () => skip(-10));
  byId("forward", HTMLElement).addEventListener("click", () => skip(10));
  muteButton.addEventListener("click", () => {
    if (video) video.muted = !video.muted;
  });
  byId("full", HTMLElement).addEventListener("click", () => void stage.requestFullscreen().catch(sayProblem));
  byId("player-more", HTMLElement).addEventListener("click", () => hit && likeMore(hit));
  byId("player-less", HTMLElement).addEventListener("click", () => hit && likeLess(hit));
  onSearch(() => item && void showStrip());
}

/** The file that is open. */
export function openItem() {
  return item;
}

export function playerIsOpen() {
  return !panel.hidden;
}

/** @param {Hit} chosen */
export async function openHit(chosen) {
  opener = /** @type {HTMLElement | null} */ (document.activeElement);
  hit = chosen;
  panel.hidden = false;
  document.body.classList.add("playing");
  byId("player-actions", HTMLElement).hidden = chosen.id < 0 || chosen.kind === "audio";
  byId("player-name", HTMLElement).textContent = fileName(chosen.path);
  byId("player-name", HTMLElement).title = chosen.path;
  byId("player-problem", HTMLElement).textContent = "";
  byId("player-caption", HTMLElement).textContent = wordsOf(chosen)[0] ?? chosen.caption ?? "";
  stage.replaceChildren();
  offerSurprise(null);
  byId("close-player", HTMLElement).focus({ preventScroll: true });
  panel.scrollIntoView({ block: "nearest" });
  try {
    const found = await media(chosen.media_id);
    if (hit !== chosen) return;
    item = found;
    if (item.kind === "image") showPicture(item);
    else showVideo(item, chosen.start ?? 0);
    await Promise.all([showStrip(), showAbout(found)]);
  } catch (error) {
    byId("player-problem", HTMLElement).textContent = error instanceof Error ? error.message : String(error);
  }
}

/**
 * What the index of a file has about it, beside scores.
 * @param {MediaItem} found
 */
async function showAbout(found) {
  const { data } = await indexes();
  if (item !== found) return;
  const index = data.find((one) => one.name === found.index);
  offerSurprise(found, index);
  await loadCaptions(found, index, seek);
  if (item === found && video) showCaption(currentTime());
}

export function closePlayer() {
  asking?.abort();
  offerSurprise(null);
  forgetVideo();
  panel.hidden = true;
  document.body.classList.remove("playing");
  stage.replaceChildren();
  item = hit = null;
  opener?.focus();
}

/** @param {MediaItem} found */
function showPicture(found) {
  forgetVideo();
  stage.classList.remove("sound");
  byId("controls", HTMLElement).hidden = true;
  byId("strip", HTMLElement).hidden = true;
  const preview = `${found.preview_url}?height=1600`;
  const picture = element("img", {
    src: found.plays_natively ? found.file_url : preview,
    alt: found.path,
    error: () => {
      if (picture.src.includes("/preview")) void cannotShow(found);
      else picture.src = preview;
    },
  });
  stage.replaceChildren(picture);
}

/**
 * @param {MediaItem} found
 * @param {number} start
 */
function showVideo(found, start) {
  byId("controls", HTMLElement).hidden = false;
  byId("strip", HTMLElement).hidden = false;
  const muted = video?.muted ?? false;
  forgetVideo();
  const made = (video = element("video", { playsinline: true, "aria-label": found.path }));
  made.muted = muted;
  made.addEventListener("timeupdate", () => made === video && moved());
  made.addEventListener("seeked", () => made === video && moved());
  for (const name of ["play", "pause", "volumechange"]) made.addEventListener(name, showButtons);
  made.addEventListener("click", togglePlay);
  made.addEventListener("error", () => {
    if (made !== video || !made.getAttribute("src")) return;
    if (transcoded) void cannotShow(found);
    else transcode(start);
  });
  stage.replaceChildren(made);
  stage.classList.toggle("sound", found.kind === "audio");
  byId("full", HTMLElement).hidden = found.kind === "audio";
  transcoded = !found.plays_natively;
  if (transcoded) transcode(start);
  else {
    origin = 0;
    made.src = `${found.file_url}#t=${start}`;
    void made.play().catch(() => {});
  }
  moved(start);
}

/** @param {number} start */
function transcode(start) {
  if (!video || !item) return;
  transcoded = true;
  origin = start;
  video.src = `${item.preview_url}?start=${start.toFixed(3)}`;
  void video.play().catch(() => {});
}

function forgetVideo() {
  const old = video;
  video = null;
  if (!old) return;
  old.pause();
  old.removeAttribute("src"); // the server stops sending
  old.load();
}

/** @param {MediaItem} found */
async function cannotShow(found) {
  const reason = await whyNot(found.preview_url);
  if (item === found) byId("player-problem", HTMLElement).textContent = `This file cannot be shown: ${reason}`;
}

/** Seconds of the file. */
export function currentTime() {
  return video ? origin + video.currentTime : 0;
}

function length() {
  return item?.duration || (video && Number.isFinite(video.duration) ? origin + video.duration : 0);
}

/** @param {number} seconds */
export function seek(seconds) {
  if (!video || !item) return;
  const to = Math.min(Math.max(0, seconds), Math.max(0, length() - 0.05));
  if (!transcoded) video.currentTime = to;
  else if (canReach(to - origin)) video.currentTime = to - origin;
  else transcode(to);
  moved(to);
}

/**
 * Whether the browser can go there by itself: in a stream that is made while it is sent, only to the beginning.
 * @param {number} seconds of the video on the page
 */
function canReach(seconds) {
  if (!video || seconds < 0) return false;
  for (let n = 0; n < video.seekable.length; n++) {
    if (video.seekable.start(n) <= seconds && seconds <= video.seekable.end(n)) return true;
  }
  return false;
}

/** @param {number} seconds */
export function skip(seconds) {
  seek(currentTime() + seconds);
}

export function togglePlay() {
  if (!video) return;
  if (video.paused) void video.play().catch(sayProblem);
  else video.pause();
}

/** @param {number} [time] */
function moved(time = currentTime()) {
  showTime(time);
  showCaption(time);
  byId("clock", HTMLElement).textContent = `${clock(time)} / ${clock(length())}`;
}

function showButtons() {
  if (!video) return;
  playButton.textContent = video.paused ? "Play" : "Pause";
  muteButton.textContent = video.muted ? "Unmute" : "Mute";
}

/** Ask for the scores of the open file, and show them with its moments. */
async function showStrip() {
  if (!item) return;
  const shown = item;
  asking?.abort();
  const mine = (asking = new AbortController());
  const moments = byId("player-moments", HTMLElement);
  const terms = searchedTerms();
  if (!terms.length || shown.kind === "image") {
    showScores(null, length());
    moments.replaceChildren();
    return;
  }
  try {
    const found = await scores(shown.id, terms, mine.signal);
    if (mine.signal.aborted) return;
    showScores(found, length());
    const best = [...found.hits].sort((a, b) => (a.start ?? 0) - (b.start ?? 0));
    moments.replaceChildren(...best.map((moment) => element("li", {}, momentButton(moment))));
  } catch (error) {
    if (!mine.signal.aborted) {
      showScores(null, length());
      byId("player-problem", HTMLElement).textContent = error instanceof Error ? error.message : String(error);
    }
  }
}

/** @param {Hit} moment */
function momentButton(moment) {
  const text = `${interval(moment.start, moment.end)} ${percent(moment.confidence)}`.trim();
  return element(
    "button",
    {
      type: "button",
      click: () => {
        hit = moment;
        byId("player-caption", HTMLElement).textContent = wordsOf(moment)[0] ?? moment.caption ?? "";
        seek(moment.start ?? 0);
      },
    },
    text,
  );
}

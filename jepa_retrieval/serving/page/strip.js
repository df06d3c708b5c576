// The score strip: how well every window of the open file fits the query, with the hits marked. A click seeks.

import { byId, clock } from "./dom.js";
import { cleared, cssValues, drawWhenChanged } from "./drawing.js";

/** @import { Scores } from "./types" */

const SECONDS_PER_KEY = 5;
const HIT_HEIGHT = 0.14; // of the strip

const strip = byId("strip", HTMLElement);
const canvas = byId("strip-canvas", HTMLCanvasElement);
const cursor = byId("strip-cursor", HTMLElement);

/** @type {Scores | null} */
let scores = null;
let duration = 0;
let now = 0;

/** @param {(seconds: number) => void} seek */
export function setUpStrip(seek) {
  let dragging = false;
  const at = (/** @type {PointerEvent} */ event) => {
    const box = strip.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * duration;
  };
  strip.addEventListener("pointerdown", (event) => {
    dragging = true;
    strip.setPointerCapture(event.pointerId);
    seek(at(event));
  });
  strip.addEventListener("pointermove", (event) => {
    byId("strip-time", HTMLElement).textContent = clock(at(event));
    if (dragging) seek(at(event));
  });
  for (const name of ["pointerup", "pointercancel"]) strip.addEventListener(name, () => (dragging = false));
  strip.addEventListener("keydown", (event) => {
    const to = {
      ArrowLeft: now - SECONDS_PER_KEY,
      ArrowRight: now + SECONDS_PER_KEY,
      Home: 0,
      End: duration,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    seek(Math.min(duration, Math.max(0, to)));
  });
  drawWhenChanged(strip, draw);
}

/**
 * @param {Scores | null} found null while nothing is known
 * @param {number} seconds of the file
 */
export function showScores(found, seconds) {
  scores = found;
  duration = seconds;
  strip.setAttribute("aria-valuemax", String(Math.round(seconds)));
  showTime(now); // the cursor and its score, also of a video that does not play
  draw();
}

/** @param {number} seconds where the player is */
export function showTime(seconds) {
  now = seconds;
  cursor.style.left = `${duration ? (100 * Math.min(seconds, duration)) / duration : 0}%`;
  strip.setAttribute("aria-valuenow", String(Math.round(seconds)));
  const score = scoreAt(seconds);
  const said = score === null ? "" : `, score ${score.toFixed(2)}`;
  strip.setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(duration)}${said}`);
}

/** @param {number} seconds */
function scoreAt(seconds) {
  if (!scores) return null;
  const at = scores.start.findIndex((start, n) => (start ?? 0) <= seconds && seconds < (scores?.end[n] ?? 0));
  return at < 0 ? null : scores.score[at];
}

function draw() {
  const surface = cleared(canvas, strip);
  if (!surface || !scores || !duration) return;
  const { context, width, height, scale } = surface;
  const [curve, mark] = cssValues(strip, "--curve", "--mark");
  const low = Math.min(scores.background, ...scores.score);
  const high = Math.max(...scores.score, low + 1e-6);
  const room = height * (1 - HIT_HEIGHT);
  context.fillStyle = curve;
  scores.score.forEach((score, n) => {
    const [start, end] = [scores?.start[n] ?? 0, scores?.end[n] ?? duration];
    const left = (start / duration) * width;
    const tall = Math.max(scale, ((score - low) / (high - low)) * (room - scale));
    context.fillRect(left, height - tall, Math.max(1, ((end - start) / duration) * width), tall);
  });
  context.fillStyle = mark;
  for (const hit of scores.hits) {
    if (hit.start === null || hit.end === null) continue;
    const left = (hit.start / duration) * width;
    context.fillRect(left, 0, Math.max(3 * scale, ((hit.end - hit.start) / duration) * width), height * HIT_HEIGHT);
  }
}

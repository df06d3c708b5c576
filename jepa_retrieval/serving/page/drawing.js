// Canvases that are as large as their boxes on screen, and drawn again when that changes.

/**
 * @typedef {object} Surface
 * @property {CanvasRenderingContext2D} context
 * @property {number} width pixels of the screen
 * @property {number} height
 * @property {number} scale pixels of the screen for one of CSS
 */

/**
 * Draw again whenever the size of a box or the colour scheme changes.
 * @param {HTMLElement} box
 * @param {() => void} draw
 */
export function drawWhenChanged(box, draw) {
  new ResizeObserver(draw).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

/**
 * The canvas, empty and as large as the box that it fills; null where that is not shown.
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLElement} [box]
 * @returns {Surface | null}
 */
export function cleared(canvas, box = canvas) {
  const context = canvas.getContext("2d");
  const size = box.getBoundingClientRect();
  if (!context || !size.width) return null;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(size.width * scale);
  canvas.height = Math.round(size.height * scale);
  return { context, width: canvas.width, height: canvas.height, scale };
}

/**
 * Values of the CSS variables of an element, such as colours.
 * @param {HTMLElement} of
 * @param {string[]} names
 */
export function cssValues(of, ...names) {
  const style = getComputedStyle(of);
  return names.map((name) => style.getPropertyValue(name).trim());
}

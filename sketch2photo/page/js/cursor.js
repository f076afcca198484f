// The pointer over the sheet: a ring as large as the line will be.

import { SIDE } from "./strokes.js";

/** @param {HTMLElement} canvas @param {number} width of the line, in units of the sheet */
export function showRing(canvas, width) {
  const size = Math.min(120, Math.max(6, Math.round((width * canvas.clientWidth) / SIDE)));
  const half = size / 2 + 1;
  const ring = (/** @type {string} */ stroke, /** @type {number} */ weight) =>
    `<circle cx='${half}' cy='${half}' r='${size / 2}' fill='none' stroke='${stroke}' stroke-width='${weight}'/>`;
  const side = size + 2;
  const picture = `<svg xmlns='http://www.w3.org/2000/svg' width='${side}' height='${side}'>${ring("white", 2)}${ring("black", 1)}</svg>`;
  canvas.style.cursor = `url("data:image/svg+xml,${encodeURIComponent(picture)}") ${half} ${half}, crosshair`;
}

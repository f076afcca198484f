// The drawing as an SVG file: the same curves that the sheet shows, which any drawing program can go on with.

import { SIDE } from "./strokes.js";

/** @typedef {import("./strokes.js").Stroke} Stroke */

/** @param {number} value to a tenth of a unit */
const short = (value) => String(Math.round(value * 10) / 10);

/** @param {number[]} point */
const pair = (point) => `${short(point[0])} ${short(point[1])}`;

/** A stroke as `drawStroke` draws it: curves from middle to middle, and a line to the end. @param {number[][]} points */
export function pathOf(points) {
  const last = points[points.length - 1];
  let path = `M${pair(points[0])}`;
  for (let i = 2; i < points.length; i += 1) {
    const [from, to] = [points[i - 1], points[i]];
    path += `Q${pair(from)} ${pair([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2])}`;
  }
  // As on the sheet, a click leaves a dot.
  return `${path}L${points.length === 1 ? `${short(last[0] + 0.1)} ${short(last[1])}` : pair(last)}`;
}

/**
 * @param {Stroke[]} strokes @param {string} [picture] under them, a data URL
 * @returns {string} the file; what was rubbed out lies under white strokes, as on the sheet
 */
export function toSvg(strokes, picture = "") {
  const paths = strokes.map(
    (stroke) => `<path d="${pathOf(stroke.points)}" stroke="${stroke.erase ? "#fff" : "#000"}" stroke-width="${short(stroke.width)}"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIDE} ${SIDE}" width="${SIDE}" height="${SIDE}">`,
    `<rect width="${SIDE}" height="${SIDE}" fill="#fff"/>`,
    ...(picture ? [`<image href="${picture}" width="${SIDE}" height="${SIDE}"/>`] : []),
    `<g fill="none" stroke-linecap="round" stroke-linejoin="round">`,
    ...paths,
    "</g>",
    "</svg>\n",
  ].join("\n");
}

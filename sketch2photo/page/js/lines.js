// From how dark each pixel is to lines: where ink begins, what is no ink, and where the drawing goes on the sheet.

import { components } from "./clean.js";

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box right and bottom are just outside */
/** @typedef {{ink: Float32Array, width: number, height: number, box: Box | null, pen: number}} Lines ink 0 to 1; `pen` is
 *   how wide the lines are, in pixels */

/** Ink of a soft pencil is hardly darker than this; paper's grain is lighter. */
const FAINTEST = 0.1;
/** Longer side of the drawing, as a share of the sheet. */
const FILLED = 0.82;
/** Narrower lines, as shares of the sheet, vanish when the model looks at it. */
const NARROWEST = 0.008;

/**
 * @param {import("./clean.js").Darkness} dark @param {number} strength -1 only the darkest lines, 0 as measured, 1 the
 *   faintest too @returns {Lines}
 */
export function lines({ ink: dark, inside, width, height }, strength) {
  const from = threshold(dark, inside) * 2 ** -strength;
  const ink = dark.map((value, i) => (inside[i] ? smooth((value - 0.7 * from) / (0.6 * from)) : 0));
  sweep(ink, inside, width, height);
  return { ink, width, height, box: inkBox(ink, width, height), pen: penWidth(ink, width, height) };
}

/** Between paper and ink: Otsu's threshold (1979), clear of the paper's own grain. @param {Float32Array} dark @param {Uint8Array} inside */
export function threshold(dark, inside) {
  const bins = 128;
  const counts = new Float64Array(bins);
  for (let i = 0; i < dark.length; i += 1) if (inside[i]) counts[Math.min(bins - 1, Math.floor(dark[i] * bins))] += 1;
  const total = counts.reduce((sum, count) => sum + count, 0);
  // Half of the pixels are paper, whatever is drawn: the grain is what they vary by.
  let [grain, seen] = [0, 0];
  while (grain < bins && seen < 0.75 * total) seen += counts[grain++];
  const all = counts.reduce((sum, count, bin) => sum + count * bin, 0);
  let [best, most, below, sum] = [0, -1, 0, 0];
  for (let bin = 0; bin < bins; bin += 1) {
    below += counts[bin];
    sum += counts[bin] * bin;
    if (!below || below === total) continue;
    const apart = sum / below - (all - sum) / (total - below);
    const between = below * (total - below) * apart * apart;
    if (between > most) [best, most] = [bin + 1, between];
  }
  return Math.min(0.5, Math.max(FAINTEST, (2.2 * grain) / bins, (0.8 * best) / bins));
}

/** @param {number} value */
const smooth = (value) => {
  const t = Math.min(1, Math.max(0, value));
  return t * t * (3 - 2 * t);
};

/** Take away specks, and what hangs together with the rim of the picture or of the paper. @param {Float32Array} ink @param {Uint8Array} inside @param {number} width @param {number} height */
function sweep(ink, inside, width, height) {
  const { labels, areas, boxes } = components(width, height, (i) => ink[i] > 0.5);
  const total = areas.reduce((sum, area) => sum + area, 0);
  const speck = Math.max(4, (width * height) / 60000);
  const rim = new Float64Array(areas.length);
  labels.forEach((label, i) => {
    if (label < 0) return;
    const [x, y] = [i % width, Math.floor(i / width)];
    const edge = x < 2 || y < 2 || x >= width - 2 || y >= height - 2;
    if (edge || !inside[i - 1] || !inside[i + 1] || !inside[i - width] || !inside[i + width]) rim[label] += 1;
  });
  const gone = areas.map((area, label) => {
    const [left, top, right, bottom] = boxes[label];
    const [wide, high] = [right - left, bottom - top];
    const long = wide > 0.25 * width || high > 0.25 * height;
    // A drawing that was cut off touches the rim with the ends of its lines, a table along its whole side.
    const along = long && rim[label] > 0.25 * Math.max(wide, high);
    const foreign = along || (rim[label] > 0 && area < 0.6 * total && (long || rim[label] > 0.2 * Math.sqrt(area)));
    return area < speck || foreign;
  });
  for (let i = 0; i < ink.length; i += 1) if (labels[i] >= 0 && gone[labels[i]]) ink[i] = 0;
  // The soft edges of what is gone.
  const kept = ink.map((value, i) => (value > 0.5 || touches(ink, i, width) ? value : 0));
  ink.set(kept);
}

/** Whether a pixel of a line is next to this one. @param {Float32Array} ink @param {number} i @param {number} width */
function touches(ink, i, width) {
  if (!ink[i]) return false;
  for (const j of [i - 1, i + 1, i - width, i + width, i - width - 1, i - width + 1, i + width - 1, i + width + 1]) if (ink[j] > 0.5) return true;
  return false;
}

/** @param {Float32Array} ink @param {number} width @param {number} height @returns {Box | null} */
function inkBox(ink, width, height) {
  const box = { left: width, top: height, right: 0, bottom: 0 };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (ink[y * width + x] < 0.5) continue;
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y);
      box.bottom = y + 1;
    }
  }
  return box.right > box.left ? box : null;
}

/** Twice the area by the rim: the width of a line that is much longer than wide. @param {Float32Array} ink @param {number} width @param {number} height */
function penWidth(ink, width, height) {
  let [area, rim] = [0, 0];
  for (let i = width; i < width * (height - 1); i += 1) {
    if (ink[i] <= 0.5) continue;
    area += 1;
    if (ink[i - 1] <= 0.5 || ink[i + 1] <= 0.5 || ink[i - width] <= 0.5 || ink[i + width] <= 0.5) rim += 1;
  }
  return rim ? Math.max(1, (2 * area) / rim) : 0;
}

/**
 * Where the drawing goes on a square sheet: in the middle, most of it filled.
 * @param {Box} box @param {number} side of the sheet @returns {{scale: number, x: number, y: number}} of the picture
 */
export function place({ left, top, right, bottom }, side) {
  const scale = (FILLED * side) / Math.max(right - left, bottom - top);
  return { scale, x: side / 2 - (scale * (left + right)) / 2, y: side / 2 - (scale * (top + bottom)) / 2 };
}

/** Pixels by which lines have to grow on either side so that they are still seen on a sheet of `side`. @param {number} pen @param {number} scale @param {number} side */
export const growth = (pen, scale, side) => Math.min(6, Math.max(0, Math.round((NARROWEST * side / scale - pen) / 2)));

/** Lines wider by `by` pixels on either side. @param {Lines} lines @param {number} by @returns {Float32Array} */
export function thicken({ ink, width, height }, by) {
  let from = ink;
  for (const step of [1, width]) {
    const to = new Float32Array(from.length);
    const length = step === 1 ? width : height;
    for (let i = 0; i < from.length; i += 1) {
      const at = step === 1 ? i % width : Math.floor(i / width);
      for (let k = Math.max(-by, -at); k <= Math.min(by, length - 1 - at); k += 1) to[i] = Math.max(to[i], from[i + k * step]);
    }
    from = to;
  }
  return from;
}

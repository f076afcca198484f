// What there is to start from: the drawings of `drawn.js` as strokes, and the same by another hand.

import { DRAWN } from "./drawn.js";
import { SIDE } from "./strokes.js";

/** Line width, in units of the sheet: as the page's pen draws unless told otherwise. */
const WIDTH = 5;
/** Pieces of a curve. */
const PIECES = 14;

/** @typedef {import("./strokes.js").Stroke} Stroke */

/** One path as a stroke. @param {string} path @returns {Stroke} */
function stroke(path) {
  /** @type {number[][]} */
  const points = [];
  for (const [, command, rest] of path.matchAll(/([MLQCO])([^MLQCO]*)/g)) {
    const numbers = rest.trim().split(/[ ,]+/).map(Number);
    if (command === "O") points.push(...ellipse(numbers));
    else if (command === "M" || command === "L") points.push(...line(points.at(-1), numbers));
    else points.push(...curve(/** @type {number[]} */ (points.at(-1)), numbers));
  }
  return { erase: false, width: WIDTH, points: points.map((point) => point.map((value) => (value * SIDE) / 100)) };
}

/** Straight on, with a doubled end: the pen rounds what lies between two points, and corners should stay. @param {number[] | undefined} from @param {number[]} to */
function line(from, to) {
  if (!from) return [to];
  const near = [0.12, 0.88].map((share) => from.map((value, i) => value + share * (to[i] - value)));
  return [...near, to];
}

/** A quadratic or cubic Bézier curve. @param {number[]} from @param {number[]} numbers */
function curve(from, numbers) {
  const controls = [from, ...pairs(numbers)];
  return Array.from({ length: PIECES }, (_, i) => casteljau(controls, (i + 1) / PIECES));
}

/** @param {number[]} numbers */
const pairs = (numbers) => Array.from({ length: numbers.length / 2 }, (_, i) => numbers.slice(2 * i, 2 * i + 2));

/** @param {number[][]} controls @param {number} t @returns {number[]} */
function casteljau(controls, t) {
  if (controls.length === 1) return controls[0];
  return casteljau(controls.slice(1).map((to, i) => controls[i].map((from, axis) => from + t * (to[axis] - from))), t);
}

/** @param {number[]} numbers centre and radii */
function ellipse([x, y, rx, ry]) {
  return Array.from({ length: 2 * PIECES + 1 }, (_, i) => {
    const turn = -Math.PI / 2 + (i * Math.PI) / PIECES;
    return [x + rx * Math.cos(turn), y + ry * Math.sin(turn)];
  });
}

/** What there is to start from for this model: a category, and its strokes. @param {string[]} categories */
export function examples(categories) {
  return categories.flatMap((category) => (DRAWN[category] ?? []).map((paths) => ({ category, strokes: paths.map(stroke) })));
}

/**
 * The same drawing by another hand: mirrored or not, a little larger, smaller, turned, moved.
 * @param {Stroke[]} strokes @param {() => number} random from 0 to 1 @returns {Stroke[]}
 */
export function vary(strokes, random) {
  const mirror = random() < 0.5 ? -1 : 1;
  const size = 0.85 + 0.2 * random();
  const turn = (random() - 0.5) * 0.2;
  const shift = [0, 1].map(() => (random() - 0.5) * 0.06 * SIDE);
  const middle = SIDE / 2;
  const [cos, sin] = [size * Math.cos(turn), size * Math.sin(turn)];
  return strokes.map((each) => ({
    ...each,
    points: each.points.map(([px, py]) => {
      const [x, y] = [(px - middle) * mirror, py - middle];
      return [middle + cos * x - sin * y + shift[0], middle + sin * x + cos * y + shift[1]].map((value) => Math.min(SIDE - 6, Math.max(6, value)));
    }),
  }));
}

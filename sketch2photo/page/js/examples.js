// Drawings to start from: the row of them, the surprise, the faint one on a blank sheet, and how they draw themselves.

import { DRAWN } from "./example_drawings.js";
import { SIDE, upTo } from "./strokes.js";
import { words } from "./words.js";

/** @typedef {import("./strokes.js").Stroke} Stroke */

/** Stroke width, in units of the sheet: as the page's pen draws unless told otherwise. */
const WIDTH = 5;
/** Pieces of a curve. */
const PIECES = 14;

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

/** @typedef {{category: string, strokes: Stroke[]}} Example */

const SVG = "http://www.w3.org/2000/svg";
/** Milliseconds in which the faint drawing grows, stays, and goes. */
const GROW = 2600;
const STAY = 2600;
const FADE = 700;

/** @param {Stroke[]} strokes */
function picture(strokes) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${SIDE} ${SIDE}`);
  svg.setAttribute("aria-hidden", "true");
  for (const { points } of strokes) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", `M${points.map((point) => point.map(Math.round).join(" ")).join("L")}`);
    path.setAttribute("pathLength", "1");
    svg.append(path);
  }
  return svg;
}

/** The row of drawings to start from, the surprise, and the drawing that shows faintly on a blank sheet. */
export class Starters {
  /**
   * @param {HTMLElement} row where the buttons go @param {HTMLElement} ghost where the faint drawing goes
   * @param {(strokes: Stroke[]) => void} begin
   */
  constructor(row, ghost, begin) {
    this.row = row;
    this.ghost = ghost;
    this.begin = begin;
    /** @type {Map<string, Example[]>} */
    this.examples = new Map();
    this.turn = 0;
    /** @type {Animation[]} */
    this.moving = [];
    this.shown = false;
  }

  /** The drawings of these categories. @param {string[]} categories */
  offer(categories) {
    this.hint(false);
    this.examples.clear();
    this.row.replaceChildren();
    for (const example of examples(categories)) {
      this.examples.set(example.category, [...(this.examples.get(example.category) ?? []), example]);
    }
    for (const [category, choice] of this.examples) this.row.append(this.#button(category, choice));
    this.turn = Math.floor(Math.random() * this.size);
  }

  get size() {
    return this.examples.size;
  }

  /** @param {string} category @param {Example[]} choice */
  #button(category, choice) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "starter";
    button.dataset.example = category;
    button.title = words.startWith(category);
    const name = document.createElement("span");
    name.textContent = words.spoken(category);
    let turn = 0;
    button.append(picture(choice[0].strokes), name);
    button.addEventListener("click", () => {
      this.begin(choice[turn].strokes);
      // The next time another one, if there is one.
      turn = (turn + 1) % choice.length;
      button.querySelector("svg")?.replaceWith(picture(choice[turn].strokes));
    });
    return button;
  }

  /** Any of them, not quite as it stands in the row. */
  surprise() {
    this.turn = (this.turn + 1 + Math.floor(Math.random() * Math.max(1, this.size - 1))) % this.size;
    const choice = [...this.examples.values()][this.turn];
    this.begin(vary(choice[Math.floor(Math.random() * choice.length)].strokes, Math.random));
  }

  /** Let a drawing appear faintly on the blank sheet, and then the next; or take it away. @param {boolean} blank */
  hint(blank) {
    if (blank === this.shown || !this.size) return;
    this.shown = blank;
    for (const animation of this.moving) animation.cancel();
    this.moving = [];
    this.ghost.replaceChildren();
    if (blank) this.#ghost();
  }

  async #ghost() {
    const all = [...this.examples.values()];
    this.turn = (this.turn + 1) % all.length;
    const svg = picture(all[this.turn][0].strokes);
    this.ghost.replaceChildren(svg);
    if (reducedMotion()) return;
    const paths = [...svg.querySelectorAll("path")];
    const each = GROW / paths.length;
    this.moving = paths.map((path, i) =>
      path.animate([{ strokeDashoffset: 1 }, { strokeDashoffset: 0 }], { duration: each, delay: i * each, fill: "both" }),
    );
    this.moving.push(svg.animate([{ opacity: 1 }, { opacity: 0 }], { duration: FADE, delay: GROW + STAY, fill: "forwards" }));
    try {
      await Promise.all(this.moving.map((animation) => animation.finished));
    } catch {
      return; // something was drawn
    }
    this.#ghost();
  }
}

/** Milliseconds that a drawing takes. */
const DURATION = 1100;

/** Whether the person asked for no moving things. */
const reducedMotion = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/** A drawing that draws itself. */
export class StrokeAnimation {
  constructor() {
    /** @type {(() => void) | null} */
    this.stop = null;
  }

  get running() {
    return this.stop !== null;
  }

  /**
   * Paint more and more of the strokes; the last call of `paint` has all of them.
   * @param {Stroke[]} strokes @param {(strokes: Stroke[]) => void} paint
   */
  start(strokes, paint) {
    this.finish();
    if (reducedMotion()) {
      paint(strokes);
      return;
    }
    const started = performance.now();
    const step = () => {
      const share = (performance.now() - started) / DURATION;
      if (share >= 1) this.finish();
      else {
        paint(upTo(strokes, share));
        frame = requestAnimationFrame(step);
      }
    };
    let frame = requestAnimationFrame(step);
    this.stop = () => {
      cancelAnimationFrame(frame);
      this.stop = null;
      paint(strokes);
    };
  }

  /** All of it at once: the pen comes down, or something else happens to the sheet. */
  finish() {
    this.stop?.();
  }
}

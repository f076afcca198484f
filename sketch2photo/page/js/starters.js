// The row of drawings to start from, the surprise, and the drawing that shows faintly on a blank sheet.

import { examples, vary } from "./examples.js";
import { SIDE } from "./strokes.js";
import { calmly } from "./unfold.js";
import { words } from "./words.js";

/** @typedef {import("./strokes.js").Stroke} Stroke */
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
    if (calmly()) return;
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

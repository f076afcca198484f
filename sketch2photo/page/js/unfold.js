// A drawing that draws itself.

import { upTo } from "./grow.js";

/** @typedef {import("./strokes.js").Stroke} Stroke */

/** Milliseconds that a drawing takes. */
const DURATION = 1100;

/** Whether the person asked for no moving things. */
export const calmly = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Unfolding {
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
    if (calmly()) {
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

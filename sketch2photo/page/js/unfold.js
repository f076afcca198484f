// A drawing that draws itself.

/** @typedef {import("./strokes.js").Stroke} Stroke */

/** Milliseconds that a drawing takes. */
const DURATION = 1100;

/** @param {Stroke} stroke */
function length({ points }) {
  let sum = 1;
  for (let i = 1; i < points.length; i += 1) sum += Math.hypot(points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]);
  return sum;
}

/**
 * The first part of a drawing, as if the pen were on its way.
 * @param {Stroke[]} strokes @param {number} share 0 to 1 of the whole length @returns {Stroke[]}
 */
export function upTo(strokes, share) {
  let left = share * strokes.reduce((sum, stroke) => sum + length(stroke), 0);
  const begun = [];
  for (const stroke of strokes) {
    if (left <= 0) break;
    const whole = length(stroke);
    const count = Math.ceil(stroke.points.length * Math.min(1, left / whole));
    begun.push({ ...stroke, points: stroke.points.slice(0, Math.max(1, count)) });
    left -= whole;
  }
  return begun;
}

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

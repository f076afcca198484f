// Mouse, finger or stylus on the sheet, as strokes without the tremble of the hand; and the ring that is the pointer.

import { SIDE } from "./strokes.js";

/** The bit of `PointerEvent.buttons` that the rubber end of a stylus sets. */
const RUBBER_END = 32;
/** Milliseconds for which a stylus that was seen makes every touch a palm. */
const PALM = 1500;

/**
 * Follow mouse, finger or stylus.
 * @param {HTMLCanvasElement} canvas
 * @param {{
 *   start: (point: number[], rubber: boolean) => void, move: (points: number[][]) => void, end: () => void,
 *   drop: () => void,
 * }} on  the pen was put down, moved, lifted; or it was a palm, and the stroke never happened
 */
export function followPen(canvas, on) {
  /** @type {PointerEvent | null} the pointer that draws, as it came down */
  let drawing = null;
  /** @type {number[]} */
  let last = [0, 0];
  let stylus = -Infinity;
  const smoother = new Smoother();

  /** @param {PointerEvent} event */
  const place = (event, box = canvas.getBoundingClientRect()) => [
    ((event.clientX - box.left) / box.width) * SIDE,
    ((event.clientY - box.top) / box.height) * SIDE,
  ];
  /** @param {PointerEvent} event */
  const see = (event) => {
    if (event.pointerType === "pen") stylus = event.timeStamp;
  };

  canvas.addEventListener("pointerdown", (event) => {
    see(event);
    // A second finger is not primary; other mouse buttons open menus.
    if (!event.isPrimary || (event.pointerType === "mouse" && event.button !== 0)) return;
    if (event.pointerType === "touch" && event.timeStamp - stylus < PALM) return;
    if (drawing) {
      // The palm often comes down before the stylus.
      if (drawing.pointerType !== "touch" || event.pointerType !== "pen") return;
      on.drop();
    }
    try {
      canvas.setPointerCapture(event.pointerId);
    } catch {
      // The pointer may be gone by now; the stroke then ends at the canvas's edge.
    }
    drawing = event;
    last = place(event);
    smoother.start(last, event.timeStamp);
    on.start(last, Boolean(event.buttons & RUBBER_END));
  });

  canvas.addEventListener("pointermove", (event) => {
    see(event);
    if (event.pointerId !== drawing?.pointerId) return;
    const finer = event.getCoalescedEvents?.() ?? [];
    const box = canvas.getBoundingClientRect();
    on.move(
      (finer.length ? finer : [event]).map((each) => {
        last = place(each, box);
        return smoother.next(last, each.timeStamp);
      }),
    );
  });

  /** @param {PointerEvent} event */
  const end = (event) => {
    see(event);
    if (event.pointerId !== drawing?.pointerId) return;
    drawing = null;
    // Where the pen was lifted, which the smoothed stroke may not have reached.
    on.move([last]);
    on.end();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("lostpointercapture", end);

  // A hand that rests beside the sheet must not scroll the page away under the pen.
  document.addEventListener("touchmove", (event) => drawing && event.cancelable && event.preventDefault(), { passive: false });
}

/**
 * One Euro filter (Casiez, Roussel and Vogel 2012): a low pass whose cutoff rises with the pen's speed. A slow hand
 * trembles and is smoothed; a fast one does not, and would see the stroke trail behind.
 */
export class Smoother {
  /**
   * @param {number} slowest cutoff of a resting pen, in Hz
   * @param {number} speed how much of the pen's speed, in units a second, is added to the cutoff
   */
  constructor(slowest = 3, speed = 0.08) {
    this.slowest = slowest;
    this.speed = speed;
    /** @type {number[] | null} the last point as it was smoothed */
    this.point = null;
    this.velocity = [0, 0];
    this.time = 0;
  }

  /** A stroke begins. @param {number[]} point @param {number} time in milliseconds */
  start(point, time) {
    this.point = point;
    this.velocity = [0, 0];
    this.time = time;
  }

  /** @param {number[]} point where the pen is @param {number} time in milliseconds @returns {number[]} where the stroke goes */
  next(point, time) {
    const last = this.point;
    if (!last) {
      this.start(point, time);
      return point;
    }
    // Coalesced events may share a time stamp; a millisecond is as short as any clock of a browser counts.
    const seconds = Math.max(time - this.time, 1) / 1000;
    this.time = Math.max(time, this.time);
    const follow = share(1, seconds);
    const smooth = last.map((from, i) => {
      this.velocity[i] += follow * ((point[i] - from) / seconds - this.velocity[i]);
      return from;
    });
    const cutoff = this.slowest + this.speed * Math.hypot(this.velocity[0], this.velocity[1]);
    const step = share(cutoff, seconds);
    this.point = smooth.map((from, i) => from + step * (point[i] - from));
    return this.point;
  }
}

/** How much of the way to a new value a low pass goes. @param {number} cutoff in Hz @param {number} seconds */
const share = (cutoff, seconds) => 1 / (1 + 1 / (2 * Math.PI * cutoff * seconds));

/** The pointer over the sheet: a ring as large as the stroke will be wide. @param {HTMLElement} canvas @param {number} width of the stroke, in units of the sheet */
export function showRing(canvas, width) {
  const size = Math.min(120, Math.max(6, Math.round((width * canvas.clientWidth) / SIDE)));
  const half = size / 2 + 1;
  const ring = (/** @type {string} */ stroke, /** @type {number} */ weight) =>
    `<circle cx='${half}' cy='${half}' r='${size / 2}' fill='none' stroke='${stroke}' stroke-width='${weight}'/>`;
  const side = size + 2;
  const picture = `<svg xmlns='http://www.w3.org/2000/svg' width='${side}' height='${side}'>${ring("white", 2)}${ring("black", 1)}</svg>`;
  canvas.style.cursor = `url("data:image/svg+xml,${encodeURIComponent(picture)}") ${half} ${half}, crosshair`;
}

// Mouse, finger or stylus on the sheet, as strokes without the tremble of the hand; and the ring that is the pointer.

import { SIDE } from "./strokes.js";

/** The bit of `PointerEvent.buttons` that the rubber end of a stylus sets. */
const RUBBER_END = 32;
/** Milliseconds for which a stylus that was seen makes every touch a palm. */
const PALM = 1500;
/** A finger draws once it has moved by these pixels or stayed for these milliseconds: it may be the first of two. */
const STILL = 5;
const HELD = 60;
/** A stroke no longer and no older than this goes again when a second finger comes down. */
const SHORT = 14;
const YOUNG = 250;

/**
 * Follow mouse, finger or stylus. A stroke ends when the pointer is lifted or lost, whichever way the page hears of it:
 * a stroke that never ended would block all that changes the drawing.
 * @param {HTMLCanvasElement} canvas
 * @param {{
 *   start: (point: number[], rubber: boolean) => void, move: (points: number[][]) => void, end: () => void,
 *   drop: () => void,
 * }} on  the pen was put down, moved, lifted; or it was a palm or one of two fingers, and the stroke never happened
 * @param {EventTarget} view the window
 * @returns {() => void} lifts the pen, whatever the hand does
 */
export function followPen(canvas, on, view = window) {
  /** @type {PointerEvent | null} the pointer on the sheet, as it came down */
  let down = null;
  /** Whether it draws. */
  let drawing = false;
  /** @type {number[]} */
  let first = [0, 0];
  /** @type {number[]} */
  let last = [0, 0];
  /** The farthest from where it came down, in pixels. */
  let way = 0;
  let stylus = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let alarm;
  const smoother = new Smoother();

  /** @param {PointerEvent} event */
  const place = (event, box = canvas.getBoundingClientRect()) => [
    ((event.clientX - box.left) / box.width) * SIDE,
    ((event.clientY - box.top) / box.height) * SIDE,
  ];
  /** @param {PointerEvent} event */
  const isPalm = ({ pointerType, timeStamp }) => pointerType === "touch" && timeStamp - stylus < PALM;

  const begin = () => {
    clearTimeout(alarm);
    if (!down || drawing) return;
    drawing = true;
    smoother.start(first, down.timeStamp);
    on.start(first, Boolean(down.buttons & RUBBER_END));
  };
  /** @returns {boolean} whether there was a stroke */
  const letGo = () => {
    clearTimeout(alarm);
    const drew = drawing;
    down = null;
    drawing = false;
    return drew;
  };
  const lift = () => {
    if (!letGo()) return;
    // Where the pen was lifted, which the smoothed stroke may not have reached.
    on.move([last]);
    on.end();
  };

  /** @param {string} kind @param {(event: PointerEvent) => void} act */
  const listen = (kind, act) =>
    view.addEventListener(
      kind,
      (each) => {
        const event = /** @type {PointerEvent} */ (each);
        if (event.pointerType === "pen") stylus = event.timeStamp;
        act(event);
      },
      true,
    );
  listen("pointerdown", (event) => {
    if (!down || isPalm(event)) return;
    const touched = down.pointerType === "touch";
    const young = event.timeStamp - down.timeStamp < YOUNG && way < SHORT;
    // One of two fingers, or the palm that came down before the stylus.
    if (touched && (event.isPrimary ? event.pointerType === "pen" : event.pointerType === "touch" && (young || !drawing))) {
      if (letGo()) on.drop();
    } else if (event.isPrimary) lift();
  });
  listen("pointermove", (event) => {
    if (!down || event.pointerId !== down.pointerId) return;
    // The button was let go where the page could not hear it. A finger that is lifted does not move.
    if (event.buttons === 0 && event.pointerType !== "touch") {
      lift();
      return;
    }
    way = Math.max(way, Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY));
    if (!drawing && way < STILL) return;
    begin();
    const finer = event.getCoalescedEvents?.() ?? [];
    const box = canvas.getBoundingClientRect();
    on.move(
      (finer.length ? finer : [event]).map((each) => {
        last = place(each, box);
        return smoother.next(last, each.timeStamp);
      }),
    );
  });
  listen("pointerup", (event) => {
    if (event.pointerId !== down?.pointerId) return;
    begin(); // a tap leaves a dot
    lift();
  });
  for (const kind of ["pointercancel", "lostpointercapture"]) {
    listen(kind, (event) => event.pointerId === down?.pointerId && lift());
  }
  listen("contextmenu", (event) => {
    // A finger that rests on the sheet asks for no menu.
    if (event.pointerType === "touch" && event.target === canvas) event.preventDefault();
    else lift();
  });
  view.addEventListener("blur", lift);

  canvas.addEventListener("pointerdown", (event) => {
    // A second finger is not primary; other mouse buttons open menus.
    if (!event.isPrimary || (event.pointerType === "mouse" && event.button !== 0) || isPalm(event)) return;
    try {
      canvas.setPointerCapture(event.pointerId);
    } catch {
      // The pointer may be gone by now.
    }
    down = event;
    way = 0;
    first = last = place(event);
    if (event.pointerType === "touch") alarm = setTimeout(begin, HELD);
    else begin();
  });

  // A hand that rests beside the sheet must not scroll the page away under the pen.
  view.addEventListener("touchmove", (event) => down && event.cancelable && event.preventDefault(), { passive: false });
  return lift;
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

// Mouse, finger or stylus on the sheet, as strokes.

import { Smoother } from "./smooth.js";
import { SIDE } from "./strokes.js";

/** The bit of `PointerEvent.buttons` that the rubber end of a stylus sets. */
const RUBBER_END = 32;
/** Milliseconds for which a stylus that was seen makes every touch a palm. */
const PALM = 1500;

/**
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
    // Where the pen was lifted, which the smoothed line may not have reached.
    on.move([last]);
    on.end();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("lostpointercapture", end);

  // A hand that rests beside the sheet must not scroll the page away under the pen.
  document.addEventListener("touchmove", (event) => drawing && event.cancelable && event.preventDefault(), { passive: false });
}

// Mouse, finger or stylus on the sheet, as strokes.

import { SIDE } from "./strokes.js";

/** The bit of `PointerEvent.buttons` that the rubber end of a stylus sets. */
const RUBBER_END = 32;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{start: (point: number[], rubber: boolean) => void, move: (points: number[][]) => void, end: () => void}} on
 */
export function followPen(canvas, on) {
  /** @type {number | null} */
  let drawing = null;

  /** @param {PointerEvent} event */
  const place = (event, box = canvas.getBoundingClientRect()) => [
    ((event.clientX - box.left) / box.width) * SIDE,
    ((event.clientY - box.top) / box.height) * SIDE,
  ];

  canvas.addEventListener("pointerdown", (event) => {
    // A second finger or the palm beside a stylus is not primary; other mouse buttons open menus.
    if (drawing !== null || !event.isPrimary || (event.pointerType === "mouse" && event.button !== 0)) return;
    try {
      canvas.setPointerCapture(event.pointerId);
    } catch {
      // The pointer may be gone by now; the stroke then ends at the canvas's edge.
    }
    drawing = event.pointerId;
    on.start(place(event), Boolean(event.buttons & RUBBER_END));
  });

  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drawing) return;
    const finer = event.getCoalescedEvents?.() ?? [];
    const box = canvas.getBoundingClientRect();
    on.move((finer.length ? finer : [event]).map((each) => place(each, box)));
  });

  /** @param {PointerEvent} event */
  const end = (event) => {
    if (event.pointerId !== drawing) return;
    drawing = null;
    on.end();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("lostpointercapture", end);
}

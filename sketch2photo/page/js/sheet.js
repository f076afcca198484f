// The sheet of paper on the screen: paints strokes as they grow, and makes the picture that the model gets.

import { SIDE, drawCurve, drawTail } from "./strokes.js";

/** Pixels of the model's picture a side. */
export const SENT = 256;

/** @param {number} side */
function layer(side) {
  const canvas = document.createElement("canvas");
  canvas.width = side;
  canvas.height = side;
  return paper(canvas);
}

/** @param {HTMLCanvasElement} canvas */
function paper(canvas) {
  // Pictures are read back at every frame; a canvas on the graphics card would have to be fetched each time.
  const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  if (!context) throw new Error("this browser has no 2D canvas");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return context;
}

export class Sheet {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.side = canvas.width;
    this.screen = paper(canvas);
    /** What will not change any more; the screen shows this and the stroke's end, which follows the pen. */
    this.settled = layer(this.side);
    for (const context of [this.screen, this.settled]) context.setTransform(this.side / SIDE, 0, 0, this.side / SIDE, 0, 0);
    // Halving twice averages each pixel exactly, in every browser; one big step may skip thin lines.
    this.steps = [];
    for (let side = this.side / 2; side >= SENT; side /= 2) this.steps.push(layer(side));
    this.drawn = 0;
    /** @type {number[] | null} */
    this.tail = null;
  }

  /** Draw what was added to the current stroke. @param {import("./strokes.js").Stroke} stroke */
  grow(stroke) {
    const before = this.drawn;
    this.drawn = drawCurve(this.settled, stroke, before);
    const fresh = stroke.points.slice(Math.max(0, before - 2));
    this.#show(bounds(fresh, stroke.width), this.tail);
    drawTail(this.screen, stroke);
    this.tail = bounds(stroke.points.slice(-2), stroke.width);
  }

  /** The pen left the sheet. @param {import("./strokes.js").Stroke} stroke */
  finish(stroke) {
    this.drawn = drawCurve(this.settled, stroke, this.drawn);
    drawTail(this.settled, stroke);
    this.#show(bounds(stroke.points.slice(-4), stroke.width), this.tail);
    this.drawn = 0;
    this.tail = null;
  }

  /** Draw everything anew. @param {import("./strokes.js").Stroke[]} strokes */
  repaint(strokes) {
    this.settled.fillStyle = "#fff";
    this.settled.fillRect(0, 0, SIDE, SIDE);
    for (const stroke of strokes) {
      drawCurve(this.settled, stroke, 0);
      drawTail(this.settled, stroke);
    }
    this.drawn = 0;
    this.tail = null;
    this.#show([0, 0, SIDE, SIDE], null);
  }

  /** Copy the settled layer to the screen, where it changed. @param {number[]} box @param {number[] | null} other */
  #show(box, other) {
    const scale = this.side / SIDE;
    const [left, top, right, bottom] = other
      ? [Math.min(box[0], other[0]), Math.min(box[1], other[1]), Math.max(box[2], other[2]), Math.max(box[3], other[3])]
      : box;
    const x = Math.max(0, Math.floor(left * scale));
    const y = Math.max(0, Math.floor(top * scale));
    const width = Math.min(this.side, Math.ceil(right * scale)) - x;
    const height = Math.min(this.side, Math.ceil(bottom * scale)) - y;
    if (width <= 0 || height <= 0) return;
    this.screen.save();
    this.screen.resetTransform();
    this.screen.drawImage(this.settled.canvas, x, y, width, height, x, y, width, height);
    this.screen.restore();
  }

  /** The drawing as the model gets it: a PNG of 256 pixels a side on white, as a data URL. */
  png() {
    let from = this.canvas;
    for (const context of this.steps) {
      context.imageSmoothingEnabled = true;
      context.drawImage(from, 0, 0, context.canvas.width, context.canvas.height);
      from = context.canvas;
    }
    return from.toDataURL("image/png");
  }
}

/** The box around points, with room for the pen: left, top, right, bottom. @param {number[][]} points @param {number} width */
function bounds(points, width) {
  const reach = width / 2 + 2;
  const xs = points.map((point) => point[0]);
  const ys = points.map((point) => point[1]);
  return [Math.min(...xs) - reach, Math.min(...ys) - reach, Math.max(...xs) + reach, Math.max(...ys) + reach];
}

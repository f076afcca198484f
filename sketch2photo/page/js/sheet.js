// The sheet of paper on the screen: paints strokes as they grow, and makes the picture that the model gets.

import { dataUrl } from "./readback.js";
import { SIDE, drawGrowth, drawStroke, drawTail } from "./strokes.js";

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

/** @param {HTMLCanvasElement} canvas a transparent one */
function clear(canvas) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser has no 2D canvas");
  return context;
}

/** What is on another canvas, in place of all that is on this. @param {CanvasRenderingContext2D} context @param {CanvasRenderingContext2D} by */
function replace(context, by) {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  context.drawImage(by.canvas, 0, 0, width, height);
}

/** A stroke of colour, or what rubs some out; others change no hints. @param {CanvasRenderingContext2D} context @param {import("./strokes.js").Stroke} stroke */
function drawHint(context, stroke) {
  if (stroke.colour || stroke.erase) drawStroke(context, stroke, stroke.erase ? "destination-out" : "source-over");
}

export class Sheet {
  /** @param {HTMLCanvasElement} canvas of the ink @param {HTMLCanvasElement} [over] lies over it and has the hints */
  constructor(canvas, over = document.createElement("canvas")) {
    this.canvas = canvas;
    over.width = over.height = SIDE;
    this.hints = clear(over);
    /** Those that are finished. */
    this.finishedHints = clear(/** @type {HTMLCanvasElement} */ (over.cloneNode()));
    /** Whether there are any. */
    this.hinted = false;
    this.sentHints = clear(Object.assign(document.createElement("canvas"), { width: SENT, height: SENT }));
    this.side = canvas.width;
    this.screen = paper(canvas);
    /** The finished strokes. A stroke is drawn here at once, not in the pieces in which it grew: smoother, and the
     * same as when undo paints it anew. */
    this.finished = layer(this.side);
    /** These and the growing stroke, without its end, which follows the pen on the screen only. */
    this.growing = layer(this.side);
    for (const context of [this.screen, this.finished, this.growing]) {
      context.setTransform(this.side / SIDE, 0, 0, this.side / SIDE, 0, 0);
    }
    // Halving twice averages each pixel exactly, in every browser; one big step may skip thin lines.
    this.steps = [];
    for (let side = this.side / 2; side >= SENT; side /= 2) this.steps.push(layer(side));
    this.drawn = 0;
    /** @type {number[] | null} */
    this.tail = null;
    /** Pictures that were imported, by their data URL. @type {Map<string, HTMLImageElement>} */
    this.pictures = new Map();
  }

  /** Make a picture ready to be painted. Fails if it is none. @param {string} url */
  async load(url) {
    if (!url || this.pictures.has(url)) return;
    const image = new Image();
    image.src = url;
    await image.decode();
    this.pictures.set(url, image);
  }

  /** Draw what was added to the current stroke. @param {import("./strokes.js").Stroke} stroke */
  grow(stroke) {
    this.#hint(stroke);
    if (stroke.colour) return;
    const before = this.drawn;
    this.drawn = drawGrowth(this.growing, stroke, before);
    const fresh = bounds(stroke.points.slice(Math.max(0, before - 2)), stroke.width);
    this.#copy(this.growing, this.screen, this.tail ? around(fresh, this.tail) : fresh);
    drawTail(this.screen, stroke);
    this.tail = bounds(stroke.points.slice(-2), stroke.width);
  }

  /** The pen left the sheet. @param {import("./strokes.js").Stroke} stroke */
  finish(stroke) {
    if (this.hinted) replace(this.finishedHints, this.hints);
    if (stroke.colour) return;
    drawStroke(this.finished, stroke);
    this.#settle(bounds(stroke.points, stroke.width));
  }

  /** Draw everything anew. @param {import("./strokes.js").Stroke[]} strokes @param {string} [url] of the picture below them */
  repaint(strokes, url = "") {
    const picture = this.pictures.get(url);
    this.finished.fillStyle = "#fff";
    this.finished.fillRect(0, 0, SIDE, SIDE);
    if (picture) this.finished.drawImage(picture, 0, 0, SIDE, SIDE);
    this.hinted = strokes.some((stroke) => stroke.colour);
    this.finishedHints.clearRect(0, 0, SIDE, SIDE);
    for (const stroke of strokes) {
      if (this.hinted) drawHint(this.finishedHints, stroke);
      if (!stroke.colour) drawStroke(this.finished, stroke);
    }
    replace(this.hints, this.finishedHints);
    this.#settle([0, 0, SIDE, SIDE]);
  }

  /** The whole growing stroke, if it is one of colour or may rub some out. @param {import("./strokes.js").Stroke} stroke */
  #hint(stroke) {
    if (stroke.colour) this.hinted = true;
    if (!this.hinted || !(stroke.colour || stroke.erase)) return;
    replace(this.hints, this.finishedHints);
    drawHint(this.hints, stroke);
  }

  /** Show the finished strokes. @param {number[]} box where they changed */
  #settle(box) {
    this.#copy(this.finished, this.growing, box);
    this.#copy(this.finished, this.screen, box);
    this.drawn = 0;
    this.tail = null;
  }

  /** @param {CanvasRenderingContext2D} from @param {CanvasRenderingContext2D} to @param {number[]} box in units */
  #copy(from, to, [left, top, right, bottom]) {
    const scale = this.side / SIDE;
    const x = Math.max(0, Math.floor(left * scale));
    const y = Math.max(0, Math.floor(top * scale));
    const width = Math.min(this.side, Math.ceil(right * scale)) - x;
    const height = Math.min(this.side, Math.ceil(bottom * scale)) - y;
    if (width <= 0 || height <= 0) return;
    to.save();
    to.resetTransform();
    to.drawImage(from.canvas, x, y, width, height, x, y, width, height);
    to.restore();
  }

  /** The strokes of colour as the model gets them: such a PNG on nothing, "" without any. Throws `Unreadable`. */
  hintsPng() {
    if (!this.hinted) return "";
    replace(this.sentHints, this.hints);
    return dataUrl(this.sentHints.canvas);
  }

  /** The drawing as the model gets it: a PNG of 256 pixels a side on white, as a data URL. Throws `Unreadable`. */
  png() {
    let from = this.canvas;
    for (const context of this.steps) {
      context.imageSmoothingEnabled = true;
      context.drawImage(from, 0, 0, context.canvas.width, context.canvas.height);
      from = context.canvas;
    }
    return dataUrl(from);
  }
}

/** The box around points, with room for the pen: left, top, right, bottom. @param {number[][]} points @param {number} width */
function bounds(points, width) {
  const reach = width / 2 + 2;
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    box[0] = Math.min(box[0], x - reach);
    box[1] = Math.min(box[1], y - reach);
    box[2] = Math.max(box[2], x + reach);
    box[3] = Math.max(box[3], y + reach);
  }
  return box;
}

/** The box around two boxes. @param {number[]} a @param {number[]} b */
const around = (a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];

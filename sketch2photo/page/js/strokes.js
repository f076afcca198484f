// What has been drawn, as vectors: the strokes in view, and the way back and forth. Knows nothing of screens.

/**
 * Points are [x, y] in units of the sheet, 0 to SIDE.
 * @typedef {{erase: boolean, width: number, points: number[][]}} Stroke
 * @typedef {Stroke | "clear"} Step
 */

/** The sheet's side in its own units, whatever its size on the screen. */
export const SIDE = 512;

/** Points closer than this to the last one are dropped: they add weight, not shape. */
const NEAREST = 0.7;

export class Drawing {
  constructor() {
    /** @type {Step[]} */
    this.done = [];
    /** @type {Step[]} */
    this.undone = [];
    /** @type {Stroke | null} */
    this.current = null;
  }

  /** The strokes in view: those since the last clear, the one being drawn included. */
  get strokes() {
    const from = this.done.lastIndexOf("clear") + 1;
    const shown = /** @type {Stroke[]} */ (this.done.slice(from));
    return this.current ? [...shown, this.current] : shown;
  }

  /** Whether nothing was drawn; what has been rubbed out does not make a sheet blank. */
  get blank() {
    return !this.strokes.some((stroke) => !stroke.erase);
  }

  get canUndo() {
    return this.done.length > 0;
  }

  get canRedo() {
    return this.undone.length > 0;
  }

  /** @param {number[]} point @param {number} width @param {boolean} erase @returns {Stroke} */
  begin(point, width, erase) {
    this.current = { erase, width, points: [point] };
    return this.current;
  }

  /** @param {number[]} point @returns {boolean} whether the point was far enough to count */
  extend(point) {
    if (!this.current) return false;
    const last = this.current.points[this.current.points.length - 1];
    if (Math.hypot(point[0] - last[0], point[1] - last[1]) < NEAREST) return false;
    this.current.points.push(point);
    return true;
  }

  end() {
    if (!this.current) return;
    this.done.push(this.current);
    this.undone = [];
    this.current = null;
  }

  undo() {
    const step = this.done.pop();
    if (step) this.undone.push(step);
    return Boolean(step);
  }

  redo() {
    const step = this.undone.pop();
    if (step) this.done.push(step);
    return Boolean(step);
  }

  /** An empty sheet, which undo takes back. */
  clear() {
    if (!this.strokes.length) return false;
    this.current = null;
    this.done.push("clear");
    this.undone = [];
    return true;
  }
}

/** @param {number[]} a @param {number[]} b */
const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];

/**
 * Draw a whole stroke: quadratic curves from middle to middle of its points, and a line to the last one.
 * @param {CanvasRenderingContext2D} context @param {Stroke} stroke
 */
export function drawStroke(context, stroke) {
  const { points } = stroke;
  const last = points[points.length - 1];
  prepare(context, stroke);
  context.beginPath();
  context.moveTo(points[0][0], points[0][1]);
  for (let i = 2; i < points.length; i += 1) curve(context, points, i);
  // A line of no length is not drawn by every browser, and a click should leave a dot.
  context.lineTo(last[0] + (points.length === 1 ? 0.01 : 0), last[1]);
  context.stroke();
}

/**
 * Draw what a growing stroke gained, without its end. Curves never change when points are added.
 * @param {CanvasRenderingContext2D} context @param {Stroke} stroke
 * @param {number} from how many points were drawn before @returns {number} how many are drawn now
 */
export function drawGrowth(context, stroke, from) {
  const { points } = stroke;
  if (points.length < 3 || from >= points.length) return from;
  prepare(context, stroke);
  context.beginPath();
  const first = Math.max(from, 2);
  const start = first === 2 ? points[0] : middle(points[first - 2], points[first - 1]);
  context.moveTo(start[0], start[1]);
  for (let i = first; i < points.length; i += 1) curve(context, points, i);
  context.stroke();
  return points.length;
}

/**
 * Draw the end of a growing stroke, from its last curve to the pen.
 * @param {CanvasRenderingContext2D} context @param {Stroke} stroke
 */
export function drawTail(context, stroke) {
  drawStroke(context, { ...stroke, points: tail(stroke.points) });
}

/** The last curve's end and the last point. @param {number[][]} points */
function tail(points) {
  const last = points[points.length - 1];
  if (points.length < 2) return points;
  return [points.length < 3 ? points[0] : middle(points[points.length - 2], last), last];
}

/**
 * On to the middle between point `i` and the one before.
 * @param {CanvasRenderingContext2D} context @param {number[][]} points @param {number} i
 */
function curve(context, points, i) {
  const end = middle(points[i - 1], points[i]);
  context.quadraticCurveTo(points[i - 1][0], points[i - 1][1], end[0], end[1]);
}

/** @param {CanvasRenderingContext2D} context @param {Stroke} stroke */
function prepare(context, stroke) {
  context.lineCap = "round";
  context.lineJoin = "round";
  context.lineWidth = stroke.width;
  context.strokeStyle = stroke.erase ? "#fff" : "#000";
}

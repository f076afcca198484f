// What has been drawn, as vectors: the strokes in view, and the way back and forth. Knows nothing of screens.

/**
 * Points are [x, y] in units of the sheet, 0 to SIDE. A `Start` is a new beginning, which undo takes back: with nothing
 * (clear), with strokes (an example, a drawing from a link) or on a picture that was imported, a data URL as large
 * as the sheet. A stroke with a `colour` ("#rrggbb") is a hint: it says what is what colour there.
 * @typedef {{erase: boolean, width: number, points: number[][], colour?: string}} Stroke
 * @typedef {{start: Stroke[], picture: string}} Start
 * @typedef {Stroke | Start} Step
 */

/** The sheet's side in its own units, whatever its size on the screen. */
export const SIDE = 512;

/** Points closer than this to the last one are dropped: they add weight, not shape. */
const NEAREST = 0.7;

/** Steps that undo can take back. What is older stays on the sheet, or is forgotten if a new sheet lies over it. */
export const LONGEST_WAY_BACK = 400;

/** @param {Step} step @returns {step is Start} */
const isStart = (step) => "start" in step;

export class Drawing {
  constructor() {
    /** @type {Step[]} */
    this.done = [];
    /** @type {Step[]} */
    this.undone = [];
    /** How many of the steps are too old to be undone. */
    this.fixed = 0;
    /** @type {Stroke | null} */
    this.current = null;
  }

  /** Where the sheet in view begins, -1 for the first one. */
  get #beginning() {
    return this.done.findLastIndex(isStart);
  }

  /** The strokes in view, the one being drawn included. */
  get strokes() {
    const from = this.#beginning;
    const first = from < 0 ? [] : /** @type {Start} */ (this.done[from]).start;
    const shown = [...first, .../** @type {Stroke[]} */ (this.done.slice(from + 1))];
    if (this.current) shown.push(this.current);
    return shown;
  }

  /** The picture under the strokes, "" where there is none. */
  get picture() {
    const from = this.#beginning;
    return from < 0 ? "" : /** @type {Start} */ (this.done[from]).picture;
  }

  /** Whether nothing was drawn; what has been rubbed out does not make a sheet blank, and hints alone are no drawing. */
  get blank() {
    return !this.picture && !this.strokes.some((stroke) => !stroke.erase && !stroke.colour);
  }

  get canUndo() {
    return this.done.length > this.fixed;
  }

  get canRedo() {
    return this.undone.length > 0;
  }

  /** @param {number[]} point @param {Omit<Stroke, "points">} look @returns {Stroke} */
  begin(point, look) {
    this.current = { ...look, points: [point] };
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
    this.#add(this.current);
    this.current = null;
  }

  /** The stroke being drawn was a mistake, such as a palm. */
  drop() {
    this.current = null;
  }

  undo() {
    const step = this.canUndo && this.done.pop();
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
    if (!this.strokes.length && !this.picture) return false;
    return this.begins([]);
  }

  /** A new sheet with something on it, which undo takes back. @param {Stroke[]} strokes @param {string} [picture] */
  begins(strokes, picture = "") {
    this.current = null;
    this.#add({ start: strokes, picture });
    return true;
  }

  /** A sheet as it was left, whose strokes can be undone one by one. @param {Stroke[]} strokes @param {string} picture */
  restore(strokes, picture) {
    if (picture) this.begins([], picture);
    for (const stroke of strokes) this.#add(stroke);
  }

  /** @param {Step} step */
  #add(step) {
    this.done.push(step);
    this.undone = [];
    this.fixed = Math.max(this.fixed, this.done.length - LONGEST_WAY_BACK);
    // Nobody can come back to what lies under the newest of the sheets that stay.
    const under = this.done.slice(0, this.fixed).findLastIndex(isStart);
    if (under > 0) {
      this.done.splice(0, under);
      this.fixed -= under;
    }
  }
}

/** The colour of a stored stroke, if that is what this is. @param {unknown} kind @returns {{colour?: string}} */
export const colourOf = (kind) => (typeof kind === "string" && /^#[0-9a-f]{6}$/.test(kind) ? { colour: kind } : {});

/** A copy that does not grow with the drawing. @param {Stroke[]} strokes */
export const snapshot = (strokes) => strokes.map((stroke) => ({ ...stroke, points: stroke.points.slice() }));

/** @param {number[]} a @param {number[]} b */
const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];

/**
 * Draw a whole stroke: quadratic curves from middle to middle of its points, and a line to the last one.
 * @param {CanvasRenderingContext2D} context @param {Stroke} stroke
 * @param {GlobalCompositeOperation} [operation] hints lie under the ink, and are as they are where they cross themselves
 */
export function drawStroke(context, stroke, operation = stroke.colour ? "darken" : "source-over") {
  const { points } = stroke;
  const last = points[points.length - 1];
  prepare(context, stroke);
  context.globalCompositeOperation = operation;
  context.beginPath();
  context.moveTo(points[0][0], points[0][1]);
  for (let i = 2; i < points.length; i += 1) curve(context, points, i);
  // A line of no length is not drawn by every browser, and a click should leave a dot.
  context.lineTo(last[0] + (points.length === 1 ? 0.01 : 0), last[1]);
  context.stroke();
  context.globalCompositeOperation = "source-over";
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
 * On to the middle between point `i` and the one before, round that one or, at a corner, to it.
 * @param {CanvasRenderingContext2D} context @param {number[][]} points @param {number} i
 */
function curve(context, points, i) {
  const [x, y] = points[i - 1];
  const end = middle(points[i - 1], points[i]);
  if (isCorner(points, i - 1)) {
    context.lineTo(x, y);
    context.lineTo(end[0], end[1]);
  } else context.quadraticCurveTo(x, y, end[0], end[1]);
}

/** A fast pen leaves points this far apart, and a corner between them would be cut. */
const FAR = 8;
/** The cosine of the least turn that is one: 60 degrees. */
const SHARP = 0.5;

/** Whether the pen turned sharply at point `i`, far from the points beside it. @param {number[][]} points @param {number} i */
export function isCorner(points, i) {
  const [before, here, after] = [points[i - 1], points[i], points[i + 1]];
  const [ax, ay, bx, by] = [here[0] - before[0], here[1] - before[1], after[0] - here[0], after[1] - here[1]];
  const [a, b] = [Math.hypot(ax, ay), Math.hypot(bx, by)];
  return Math.min(a, b) > FAR && ax * bx + ay * by < SHARP * a * b;
}

/** @param {CanvasRenderingContext2D} context @param {Stroke} stroke */
function prepare(context, stroke) {
  context.lineCap = "round";
  context.lineJoin = "round";
  context.lineWidth = stroke.width;
  context.strokeStyle = stroke.colour ?? (stroke.erase ? "#fff" : "#000");
}

/**
 * The first part of a drawing, as it was after `share` of the pen's way.
 * @param {Stroke[]} strokes @param {number} share 0 to 1
 */
export function upTo(strokes, share) {
  const way = strokes.map((stroke) => lengthOf(stroke.points));
  // A touch of the pen counts too, or a drawing of dots would take no time.
  let left = share * way.reduce((sum, length) => sum + length + 1, 0);
  const part = [];
  for (let i = 0; i < strokes.length && left > 0; i += 1) {
    part.push(left > way[i] ? strokes[i] : { ...strokes[i], points: cut(strokes[i].points, left) });
    left -= way[i] + 1;
  }
  return part;
}

/** @param {number[][]} points */
const lengthOf = (points) => points.reduce((sum, point, i) => sum + (i ? Math.hypot(point[0] - points[i - 1][0], point[1] - points[i - 1][1]) : 0), 0);

/** A stroke's first `length` units. @param {number[][]} points @param {number} length */
function cut(points, length) {
  const kept = [points[0]];
  for (let i = 1, left = length; i < points.length; i += 1) {
    const [from, to] = [points[i - 1], points[i]];
    const step = Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (step >= left) {
      const share = step ? left / step : 0;
      return [...kept, [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]];
    }
    kept.push(to);
    left -= step;
  }
  return kept;
}

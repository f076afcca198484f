// A drawing as a few hundred letters, for the part of an address that browsers keep to themselves (#...): who opens
// the link sees the drawing, and no server has stored it.
//
// Bytes, before base64url: version; category, model (length and UTF-8 each); colour (a 0, or a 1 and red, green, blue);
// seed; how many strokes; of each: twice its width in quarter units with the eraser bit below, how many points, the
// first one, and the steps between them. Places are in half units of the sheet. A step of up to three and a half units
// either way, as nearly all are once `thin` has been over them, takes a single byte.

/** @typedef {import("./strokes.js").Stroke} Stroke */
/** @typedef {{category: string, colour: string, seed: number, model: string}} Wish */

const VERSION = 1;
/** The name in the address: `#sketch=...`. */
const NAME = "sketch";
const GRID = 0.5;
const WIDTHS = 0.25;
/** Steps of -7 to 7 on the grid both ways are one byte below this number. */
const SHORT = 225;

/** What a link may hold; another one is no work of ours, and would only stop the browser. */
const MOST_STROKES = 5000;
const MOST_POINTS = 200000;

/**
 * The part of the address after `#`.
 * @param {Stroke[]} strokes @param {Partial<Wish>} [wish] what was asked of the model; "" and 0 leave it to the model
 */
export function toFragment(strokes, wish = {}) {
  const out = new Writer();
  out.byte(VERSION);
  out.text(wish.category ?? "");
  out.text(wish.model ?? "");
  const colour = /^#([0-9a-f]{6})$/i.exec(wish.colour ?? "");
  out.byte(colour ? 1 : 0);
  if (colour) for (let i = 0; i < 6; i += 2) out.byte(parseInt(colour[1].slice(i, i + 2), 16));
  out.number(wish.seed ?? 0);
  out.number(strokes.length);
  for (const stroke of strokes) out.stroke(stroke);
  return `${NAME}=${base64url(out.bytes)}`;
}

/**
 * The drawing in an address.
 * @param {string} fragment with or without its `#`
 * @returns {{strokes: Stroke[], wish: Wish} | null} null where there is none, or a damaged one
 */
export function fromFragment(fragment) {
  const found = new RegExp(`(?:^|[#&])${NAME}=([\\w-]+)`).exec(fragment);
  if (!found) return null;
  try {
    const from = new Reader(Uint8Array.from(atob(found[1].replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0)));
    if (from.byte() !== VERSION) return null;
    const category = from.text();
    const model = from.text();
    const hex = () => from.byte().toString(16).padStart(2, "0");
    const colour = from.byte() ? `#${hex()}${hex()}${hex()}` : "";
    const seed = from.number();
    const count = from.number();
    if (count > MOST_STROKES) return null;
    const strokes = Array.from({ length: count }, () => from.stroke());
    return { strokes, wish: { category, model, colour, seed } };
  } catch {
    return null;
  }
}

/**
 * A stroke without the points that do not show: those closer to their neighbours than `reach` units that the line
 * passes within `off` units of anyway. Curves go through the middles between points, so far neighbours would round
 * corners off; `reach` keeps them sharp.
 * @param {number[][]} points @param {number} reach @param {number} off
 */
export function thin(points, reach = 3.4, off = 0.25) {
  const kept = [points[0]];
  let from = 0;
  for (let i = 1; i < points.length - 1; i += 1) {
    if (!spare(points, from, i + 1, reach, off)) {
      kept.push(points[i]);
      from = i;
    }
  }
  if (points.length > 1) kept.push(points[points.length - 1]);
  return kept;
}

/** Whether all between `from` and `to` can go. @param {number[][]} points @param {number} from @param {number} to @param {number} reach @param {number} off */
function spare(points, from, to, reach, off) {
  const [x, y] = points[from];
  const dx = points[to][0] - x;
  const dy = points[to][1] - y;
  const length = Math.hypot(dx, dy);
  if (length > reach) return false;
  return points.slice(from + 1, to).every(([px, py]) => {
    const along = length ? ((px - x) * dx + (py - y) * dy) / length : 0;
    if (along < 0 || along > length) return false;
    return Math.abs((px - x) * dy - (py - y) * dx) / (length || 1) <= off;
  });
}

class Writer {
  constructor() {
    /** @type {number[]} */
    this.bytes = [];
  }

  /** @param {number} value */
  byte(value) {
    this.bytes.push(value & 255);
  }

  /** Seven bits a byte, the lowest first (LEB128). @param {number} value 0 or more */
  number(value) {
    let rest = Math.max(0, Math.round(value));
    for (; rest > 127; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128);
    this.byte(rest);
  }

  /** @param {number} value */
  signed(value) {
    this.number(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** @param {string} value */
  text(value) {
    const bytes = new TextEncoder().encode(value);
    this.number(bytes.length);
    this.bytes.push(...bytes);
  }

  /** @param {Stroke} stroke */
  stroke(stroke) {
    const points = thin(stroke.points).map(([x, y]) => [Math.round(x / GRID), Math.round(y / GRID)]);
    this.number(Math.round(stroke.width / WIDTHS) * 2 + (stroke.erase ? 1 : 0));
    this.number(points.length);
    let [x, y] = [0, 0];
    points.forEach((point, i) => {
      const [right, down] = [point[0] - x, point[1] - y];
      [x, y] = point;
      if (i && Math.abs(right) <= 7 && Math.abs(down) <= 7) this.byte((right + 7) * 15 + down + 7);
      else {
        if (i) this.byte(SHORT);
        this.signed(right);
        this.signed(down);
      }
    });
  }
}

class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
    this.points = 0;
  }

  byte() {
    if (this.at >= this.bytes.length) throw new RangeError("the link is cut off");
    return this.bytes[this.at++];
  }

  number() {
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new RangeError("a number is too long");
  }

  signed() {
    const value = this.number();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  }

  text() {
    const length = this.number();
    if (this.at + length > this.bytes.length) throw new RangeError("the link is cut off");
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }

  /** @returns {Stroke} */
  stroke() {
    const look = this.number();
    const count = this.number();
    this.points += count;
    if (!count || this.points > MOST_POINTS) throw new RangeError("too many points, or none");
    const points = [];
    let [x, y] = [0, 0];
    for (let i = 0; i < count; i += 1) {
      const short = i ? this.byte() : SHORT;
      if (short < SHORT) {
        x += Math.floor(short / 15) - 7;
        y += (short % 15) - 7;
      } else {
        x += this.signed();
        y += this.signed();
      }
      points.push([x * GRID, y * GRID]);
    }
    return { erase: look % 2 === 1, width: Math.max(0.5, Math.min(128, Math.floor(look / 2) * WIDTHS)), points };
  }
}

/** @param {number[]} bytes */
function base64url(bytes) {
  let text = "";
  // All at once would be more arguments than a call may have.
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.slice(i, i + 4096));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// A drawing as a few hundred letters, for the part of an address that browsers keep to themselves (#...): who opens
// the link sees the drawing, and no server has stored it.
//
// After `#sketch=` come the form, a `2`, and JSON, deflated and in base64url:
//
//   [category, model, colour, seed, ground?, stroke, stroke, ...]   with strokes   [width, kind, x, y, dx, dy, dx, dy, ...]
//
// A stroke's kind is 0 for the pen, 1 for the eraser, "#rrggbb" for a hint.
// Widths are in quarter units of the sheet, places and the steps between them in half units. Links of the first form,
// bytes packed by hand, begin with an `A` and are still read.

import { isGround } from "./grounds.js";
import { colourOf } from "./strokes.js";

/** @typedef {import("./strokes.js").Stroke} Stroke */
/** @typedef {{category: string, colour: string, seed: number, model: string, ground?: string}} Wish */
/** @typedef {{strokes: Stroke[], wish: Wish}} Linked */

/** The name in the address: `#sketch=...`. */
const NAME = "sketch";
const FORM = "2";
const GRID = 0.5;
const WIDTHS = 0.25;

/** What a link may hold; another one is no work of ours, and would only stop the browser. */
const MOST_STROKES = 5000;
const MOST_POINTS = 200000;
const MOST_BYTES = 4e6;

/**
 * The part of the address after `#`.
 * @param {Stroke[]} strokes @param {Partial<Wish>} [wish] what was asked of the model; "" and 0 leave it to the model
 * @returns {Promise<string>}
 */
export async function toFragment(strokes, wish = {}) {
  const { category = "", model = "", colour = "", seed = 0, ground = "" } = wish;
  const json = JSON.stringify([category, model, colour, seed, ...(ground ? [ground] : []), ...strokes.map(packed)]);
  const bytes = await transformed(new TextEncoder().encode(json), new CompressionStream("deflate-raw"));
  return `${NAME}=${FORM}${base64url(bytes)}`;
}

/**
 * The drawing in an address.
 * @param {string} fragment with or without its `#`
 * @returns {Promise<Linked | null>} null where there is none, or a damaged one
 */
export async function fromFragment(fragment) {
  const found = new RegExp(`(?:^|[#&])${NAME}=([\\w-]+)`).exec(fragment);
  if (!found) return null;
  const [form, rest] = [found[1][0], found[1].slice(1)];
  try {
    if (form !== FORM) return checked(readFirstForm(bytesOf(found[1])));
    const json = await transformed(bytesOf(rest), new DecompressionStream("deflate-raw"));
    return checked(unpacked(JSON.parse(new TextDecoder().decode(json))));
  } catch {
    return null;
  }
}

/** @param {Stroke} stroke */
function packed({ width, erase, points, colour }) {
  let [x, y] = [0, 0];
  const steps = thin(points).flatMap((point) => {
    const [right, down] = [Math.round(point[0] / GRID) - x, Math.round(point[1] / GRID) - y];
    [x, y] = [x + right, y + down];
    return [right, down];
  });
  return [Math.round(width / WIDTHS), colour ?? (erase ? 1 : 0), ...steps];
}

/** @param {any} link what `JSON.parse` found @returns {Linked} */
function unpacked([category, model, colour, seed, ...strokes]) {
  const ground = typeof strokes[0] === "string" ? strokes.shift() : "";
  return {
    wish: { category, model, colour, seed, ground },
    strokes: strokes.map((/** @type {any[]} */ [width, kind, ...steps]) => {
      let [x, y] = [0, 0];
      const points = Array.from({ length: steps.length / 2 }, (_, i) => {
        [x, y] = [x + steps[2 * i], y + steps[2 * i + 1]];
        return [x * GRID, y * GRID];
      });
      return { erase: kind === 1, width: width * WIDTHS, points, ...colourOf(kind) };
    }),
  };
}

/** What was read, with widths as the pen has them. Throws if it is no drawing that a page could have made. @param {Linked} linked */
function checked({ strokes, wish }) {
  const { category, model, colour, seed, ground = "" } = wish;
  const points = strokes.flatMap((stroke) => stroke.points);
  const good =
    [category, model].every((text) => typeof text === "string") &&
    /^(#[0-9a-f]{6})?$/i.test(colour) &&
    isGround(ground) &&
    Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31 &&
    strokes.length <= MOST_STROKES &&
    points.length <= MOST_POINTS &&
    strokes.every((stroke) => stroke.points.length && Number.isFinite(stroke.width)) &&
    points.every((point) => point.every(Number.isFinite));
  if (!good) throw new RangeError("this is no drawing");
  return { wish, strokes: strokes.map((stroke) => ({ ...stroke, width: Math.max(0.5, Math.min(128, stroke.width)) })) };
}

/**
 * A stroke without the points that do not show: those closer to their neighbours than `reach` units that the stroke
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

/** Bytes after a stream has compressed or expanded them. @param {Uint8Array<ArrayBuffer>} bytes @param {CompressionStream | DecompressionStream} by */
async function transformed(bytes, by) {
  const reader = new Blob([bytes]).stream().pipeThrough(by).getReader();
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    length += part.value.length;
    if (length > MOST_BYTES) {
      await reader.cancel();
      throw new RangeError("the link holds too much");
    }
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** @param {Uint8Array} bytes */
function base64url(bytes) {
  let text = "";
  // All at once would be more arguments than a call may have.
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} text in base64url */
const bytesOf = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

/**
 * A link of the first form: a 1; category and model, each its length and UTF-8; a 0, or a 1 and red, green, blue; seed;
 * how many strokes; of each twice its width in quarter units with the eraser bit below, how many points, the first
 * one, and the steps between them: in one byte if it is below `SHORT`. Numbers have seven bits a byte (LEB128).
 * @param {Uint8Array} bytes @returns {Linked}
 */
function readFirstForm(bytes) {
  const SHORT = 225;
  let at = 0;
  const take = (/** @type {number} */ count) => {
    at += count;
    if (at > bytes.length) throw new RangeError("the link is cut off");
    return bytes.subarray(at - count, at);
  };
  const byte = () => take(1)[0];
  const number = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const next = byte();
      value += (next & 127) * scale;
      if (next < 128) return value;
    }
  };
  const signed = () => {
    const value = number();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  };
  const text = () => new TextDecoder().decode(take(number()));
  const stroke = () => {
    const [look, count] = [number(), number()];
    const points = [];
    let [x, y] = [0, 0];
    // Each point takes at least a byte, so a count that is too high ends with the bytes.
    for (let i = 0; i < count; i += 1) {
      const short = i ? byte() : SHORT;
      x += short < SHORT ? Math.floor(short / 15) - 7 : signed();
      y += short < SHORT ? (short % 15) - 7 : signed();
      points.push([x * GRID, y * GRID]);
    }
    return { erase: look % 2 === 1, width: Math.floor(look / 2) * WIDTHS, points };
  };

  if (byte() !== 1) throw new RangeError("a form that is not known");
  const [category, model] = [text(), text()];
  const colour = byte() ? `#${Array.from(take(3), (part) => part.toString(16).padStart(2, "0")).join("")}` : "";
  const seed = number();
  const strokes = [];
  for (let left = number(); left > 0; left -= 1) strokes.push(stroke());
  return { strokes, wish: { category, model, colour, seed } };
}

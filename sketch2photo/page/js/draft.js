// The unfinished drawing, kept in this browser so that it survives a reload. Nothing of it is sent anywhere.

import { colourOf } from "./strokes.js";

/** @typedef {{strokes: import("./strokes.js").Stroke[], picture: string, wish: Record<string, unknown>}} Draft */

const KEY = "sketch2photo.draft";
/** Milliseconds after the last change before anything is written. */
const REST = 400;

/** Coordinates to a tenth of a unit: half the size, and no eye sees it. @param {number} value */
const short = (value) => Math.round(value * 10) / 10;

/** @param {Draft} draft @returns {string} */
export function pack(draft) {
  const strokes = draft.strokes.map(({ erase, width, points, colour }) => [colour ?? (erase ? 1 : 0), short(width), ...points.flat().map(short)]);
  return JSON.stringify({ version: 1, strokes, picture: draft.picture, wish: draft.wish });
}

/** What `pack` made, or null: what is stored may be of another version, cut off or meddled with. @param {string | null} text @returns {Draft | null} */
export function unpack(text) {
  try {
    const { version, strokes, picture, wish } = JSON.parse(text ?? "null") ?? {};
    if (version !== 1 || !Array.isArray(strokes)) return null;
    const read = strokes.map(([kind, width, ...flat]) => {
      if (flat.length < 2 || flat.length % 2 || ![width, ...flat].every(Number.isFinite)) throw new Error("no stroke");
      const points = Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
      return { erase: kind === 1, width, points, ...colourOf(kind) };
    });
    const own = typeof picture === "string" && picture.startsWith("data:image/png;base64,");
    return { strokes: read, picture: own ? picture : "", wish: wish && typeof wish === "object" ? wish : {} };
  } catch {
    return null;
  }
}

/** A draft, if there is something on it. @param {Draft | null} draft */
const drawn = (draft) => (draft?.strokes.length || draft?.picture ? draft : null);

export class DraftKeeper {
  /**
   * @param {() => Draft} now the drawing as it is
   * @param {Storage[]} places where to keep it: a tab's own storage first, so that two tabs do not mix on a reload,
   *   then the browser's, for the next visit
   */
  constructor(now, places) {
    this.now = now;
    this.places = places;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.alarm = undefined;
  }

  /** This tab's own draft, from before a reload; and what was drawn last in any tab. @returns {{own: Draft | null, last: Draft | null}} */
  load() {
    const [own, last] = this.places.map((place) => unpack(place.getItem(KEY))).map(drawn);
    return { own: own ?? null, last: last ?? null };
  }

  /** Something changed: write it down once the hand rests. */
  touch() {
    clearTimeout(this.alarm);
    this.alarm = setTimeout(() => this.save(), REST);
  }

  /** Write it down now. */
  save() {
    clearTimeout(this.alarm);
    this.alarm = undefined;
    const text = pack(this.now());
    for (const place of this.places) {
      try {
        place.setItem(KEY, text);
      } catch {
        // The storage is full: better the last draft than half of this one.
      }
    }
  }

  /** The page is about to go: what was not yet written is. */
  flush() {
    if (this.alarm !== undefined) this.save();
  }
}

/** The browser's storages; a browser may forbid them. @returns {Storage[]} */
export function storages() {
  try {
    return [window.sessionStorage, window.localStorage];
  } catch {
    return [];
  }
}

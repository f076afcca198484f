// Reading a canvas. Some browsers forbid it, against tracking, or answer with white or with noise: here it is noticed.

/** Pixels a side of the pictures that are read to see whether the browser tells the truth. */
const SIDE = 64;
/** Letters of such a picture as a PNG: two plain halves take some 300, with noise on all of it more than 10,000. */
const MOST_LETTERS = 3500;
/** How far a channel may be off, and the share of channels that may be farther: some browsers change a few a little. */
const OFF = 32;
const SHARE = 0.05;

/** The browser does not let pages read their canvas. */
export class Unreadable extends Error {}

/** @type {CanvasRenderingContext2D[]} */
let halves = [];

/** Two pictures: the left half black, the right half white; and the other way round. */
function probes() {
  if (!halves.length) {
    halves = [0, SIDE / 2].map((left) => {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = SIDE;
      const context = canvas.getContext("2d", { willReadFrequently: true });
      if (!context) throw new Unreadable("no 2D canvas");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, SIDE, SIDE);
      context.fillStyle = "#000";
      context.fillRect(left, 0, SIDE / 2, SIDE);
      return context;
    });
  }
  return halves;
}

/**
 * Whatever `read` finds.
 * @template T @param {() => T} read @param {(found: T) => boolean} honest
 */
function checked(read, honest) {
  let found;
  try {
    found = read();
  } catch (error) {
    throw new Unreadable("the browser refuses", { cause: error });
  }
  if (!honest(found)) throw new Unreadable("the browser does not tell what is on a canvas");
  return found;
}

/**
 * A canvas as a data URL. Throws `Unreadable`.
 * @param {HTMLCanvasElement} canvas @param {"image/png" | "image/jpeg" | "image/webp"} [type] @param {number} [quality]
 */
export function dataUrl(canvas, type = "image/png", quality) {
  const [left, right] = probes();
  checked(
    () => [left, left, right].map(({ canvas: probe }) => probe.toDataURL("image/png")),
    ([one, again, other]) => one.startsWith("data:image/png;base64,") && one.length < MOST_LETTERS && one === again && one !== other,
  );
  return checked(() => canvas.toDataURL(type, quality), (url) => url.startsWith(`data:${type};base64,`));
}

/** A canvas as a file. Throws `Unreadable`. @param {HTMLCanvasElement} canvas */
export const pngFile = (canvas) => blobOf(dataUrl(canvas));

/** @param {string} url a data URL in base64 */
export function blobOf(url) {
  const [head, data] = url.split(",");
  return new Blob([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))], { type: head.slice("data:".length).split(";")[0] });
}

/** @param {CanvasRenderingContext2D} context */
const all = (context) => context.getImageData(0, 0, context.canvas.width, context.canvas.height).data;

/** Throws `Unreadable` where `pixels` would. */
export function checkPixels() {
  checked(
    () => all(probes()[0]),
    (data) => {
      const wrong = data.filter((value, i) => Math.abs(value - ((i >> 2) % SIDE < SIDE / 2 && i % 4 < 3 ? 0 : 255)) > OFF);
      return data.length === 4 * SIDE * SIDE && wrong.length < SHARE * data.length;
    },
  );
}

/** All pixels of a canvas, red, green, blue and alpha. Throws `Unreadable`. @param {CanvasRenderingContext2D} context */
export function pixels(context) {
  checkPixels();
  return checked(() => all(context), (data) => data.length > 0);
}

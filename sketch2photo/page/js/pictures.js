// Pictures of a drawing and its photo, for keeping: the sketch alone, both side by side, and the drawing as it grew.

import { likeliest } from "./categories.js";
import { Gif, choosePalette, nearestColours } from "./gif.js";
import { Unreadable, blobOf, dataUrl, pixels, pngFile } from "./readback.js";
import { SIDE, drawStroke, isCorner, upTo } from "./strokes.js";
import { words } from "./words.js";

/** @typedef {import("./strokes.js").Stroke} Stroke */
/** @typedef {"png" | "jpeg" | "webp"} Kind of a picture file */
/**
 * @typedef {{strokes: Stroke[], picture: string}} Sketch  strokes, and the picture under them as a data URL ("" for none)
 * @typedef {{strokes: Stroke[], under: HTMLImageElement | null}} Ready
 */

/** Pixels a side of the sketch as a file, of a sheet on the card, and of one in the moving picture. */
const SKETCH = 1024;
const CARD = 640;
const MOVING = 300;

/** Pixels of a bar below it, with what lies between two. */
const BAR = 24;

/** Of the moving picture: frames, hundredths of a second for each, and for the finished drawing. */
const FEWEST = 36;
const MOST = 64;
const FRAME = 6;
const REST = 220;

/** @param {number} width @param {number} height */
function canvas(width, height) {
  const made = document.createElement("canvas");
  made.width = width;
  made.height = height;
  const context = made.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser has no 2D canvas");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  return context;
}

/** @param {string} url @returns {Promise<HTMLImageElement>} */
export async function load(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

/** @param {Sketch} sketch @returns {Promise<Ready>} */
const ready = async ({ strokes, picture }) => ({ strokes, under: picture ? await load(picture) : null });

/** A sketch in a square. @param {CanvasRenderingContext2D} context @param {Ready} sketch @param {number} left @param {number} top @param {number} side */
function sketchAt(context, { strokes, under }, left, top, side) {
  context.save();
  context.beginPath();
  context.rect(left, top, side, side);
  context.clip();
  context.fillStyle = "#fff";
  context.fillRect(left, top, side, side);
  if (under) context.drawImage(under, left, top, side, side);
  context.translate(left, top);
  context.scale(side / SIDE, side / SIDE);
  for (const stroke of strokes) drawStroke(context, stroke);
  context.restore();
}

/** @param {Sketch} sketch */
export async function sketchPicture(sketch) {
  const context = canvas(SKETCH, SKETCH);
  sketchAt(context, await ready(sketch), 0, 0, SKETCH);
  return pngFile(context.canvas);
}

/**
 * The photo as a picture file, by default as a PNG, without what JPEG would lose once more.
 * @param {string} url @param {number} [side] in pixels, its own by default @param {Kind} [kind]
 */
export async function photoPicture(url, side = 0, kind = "png") {
  const photo = await load(url);
  const [width, height] = side ? [side, side] : [photo.naturalWidth, photo.naturalHeight];
  const context = canvas(width, height);
  if (kind !== "jpeg") context.clearRect(0, 0, width, height); // which has no transparency
  context.drawImage(photo, 0, 0, width, height);
  return blobOf(dataUrl(context.canvas, `image/${kind}`, 0.95));
}

/** The same; the file that it came as where the browser lets no page make one. @param {string} url @param {number} [side] @param {Kind} [kind] */
export const photoFile = (url, side, kind) =>
  photoPicture(url, side, kind).catch((error) => {
    if (error instanceof Unreadable) return blobOf(url);
    throw error;
  });

/** Both side by side. @param {Sketch & {photo: string}} pair the photo as a data URL @param {string} title below them */
export async function cardPicture(pair, title) {
  const edge = 40;
  const foot = 84;
  const context = canvas(2 * CARD + 3 * edge, CARD + edge + foot);
  const { width, height } = context.canvas;
  context.fillStyle = "#f0ece3";
  context.fillRect(0, 0, width, height);
  sketchAt(context, await ready(pair), edge, edge, CARD);
  context.drawImage(await load(pair.photo), CARD + 2 * edge, edge, CARD, CARD);
  context.textBaseline = "middle";
  context.fillStyle = "#24211d";
  context.font = "italic 400 34px Georgia, serif";
  context.fillText(title, edge, height - foot / 2 + 2, width - 2 * edge - 260);
  context.textAlign = "right";
  context.fillStyle = "#6a6459";
  context.font = "400 24px system-ui, sans-serif";
  context.fillText("sketch2photo", width - edge, height - foot / 2 + 2);
  return pngFile(context.canvas);
}

/** How likely the likeliest categories are, as bars side by side below the moving picture. @param {CanvasRenderingContext2D} context @param {string[]} few @param {Record<string, number>} probabilities */
function barsBelow(context, few, probabilities) {
  const gap = BAR / 4;
  const width = (context.canvas.width - gap) / few.length;
  context.textBaseline = "middle";
  context.font = `${BAR / 2}px system-ui, sans-serif`;
  few.forEach((category, i) => {
    const share = probabilities[category] ?? 0;
    const [left, top, wide, high] = [gap + i * width, MOVING + gap, width - gap, BAR];
    context.fillStyle = "#efe9dd";
    context.fillRect(left, top, wide, high);
    context.fillStyle = i ? "#d6cfc1" : "#e3b04b";
    context.fillRect(left, top, wide * share, high);
    context.fillStyle = "#24211d";
    context.textAlign = "left";
    context.fillText(words.spoken(category), left + gap, top + high / 2 + 1, wide - 8 * gap);
    context.textAlign = "right";
    context.fillText(`${Math.round(share * 100)}%`, left + wide - gap, top + high / 2 + 1);
  });
}

/**
 * The drawing as it grew, the photo that followed it and the likeliest categories, as an animated GIF.
 * @param {Sketch & {category: string | null}} sketch
 * @param {{share: number, photo: string, probabilities: Record<string, number>}[]} stages of the beginnings of the drawing, in order; the last one of all
 * @param {(share: number) => void} [progress]
 */
export async function replayPicture(sketch, stages, progress = () => {}) {
  const { strokes, under } = await ready(sketch);
  const photos = await Promise.all(stages.map(async ({ photo, ...stage }) => ({ ...stage, image: await load(photo) })));
  const categories = Object.keys(stages[stages.length - 1].probabilities);
  const [width, height] = [2 * MOVING + 1, MOVING + (categories.length > 1 ? 1.5 * BAR : 0)];
  const context = canvas(width, height);
  const paint = (/** @type {number} */ share) => {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    sketchAt(context, { strokes: upTo(strokes, share), under }, 0, 0, MOVING);
    // What the latest beginning became that is drawn by now.
    const now = photos.filter((each) => each.share <= share + 1e-6).pop();
    if (now) context.drawImage(now.image, MOVING + 1, 0, MOVING, MOVING);
    if (now && height > MOVING) barsBelow(context, likeliest(categories, now.probabilities, sketch.category), now.probabilities);
    context.fillStyle = "#d6cfc1";
    context.fillRect(MOVING, 0, 1, MOVING);
    return pixels(context);
  };
  const palette = choosePalette([paint(1), ...[0.33, 0.66].map(paint)], 255);
  const gif = new Gif({ width, height, palette, index: nearestColours(palette) });
  const points = strokes.reduce((sum, stroke) => sum + stroke.points.length, 0);
  const frames = Math.min(MOST, Math.max(FEWEST, Math.round(points / 6)));
  for (let i = 1; i <= frames; i += 1) {
    gif.add(paint(i / frames), i < frames ? FRAME : REST);
    progress(i / frames);
    // The page stays alive meanwhile.
    await new Promise((done) => setTimeout(done));
  }
  return gif.finish();
}

/** @param {number} value to a tenth of a unit */
const short = (value) => String(Math.round(value * 10) / 10);

/** @param {number[]} point */
const pair = (point) => `${short(point[0])} ${short(point[1])}`;

/** A stroke as `drawStroke` draws it: curves from middle to middle, and a line to the end. @param {number[][]} points */
export function pathOf(points) {
  const last = points[points.length - 1];
  let path = `M${pair(points[0])}`;
  for (let i = 2; i < points.length; i += 1) {
    const [from, to] = [points[i - 1], points[i]];
    const middle = pair([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]);
    path += isCorner(points, i - 1) ? `L${pair(from)}L${middle}` : `Q${pair(from)} ${middle}`;
  }
  // As on the sheet, a click leaves a dot.
  return `${path}L${points.length === 1 ? `${short(last[0] + 0.1)} ${short(last[1])}` : pair(last)}`;
}

/**
 * @param {Stroke[]} strokes @param {string} [picture] under them, a data URL
 * @returns {string} the file; what was rubbed out lies under white strokes, as on the sheet
 */
export function toSvg(strokes, picture = "") {
  const paths = strokes.map(
    ({ points, erase, width, colour }) =>
      `<path d="${pathOf(points)}" stroke="${colour ?? (erase ? "#fff" : "#000")}" stroke-width="${short(width)}"${colour ? ' style="mix-blend-mode:darken"' : ""}/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIDE} ${SIDE}" width="${SIDE}" height="${SIDE}">`,
    `<rect width="${SIDE}" height="${SIDE}" fill="#fff"/>`,
    ...(picture ? [`<image href="${picture}" width="${SIDE}" height="${SIDE}"/>`] : []),
    `<g fill="none" stroke-linecap="round" stroke-linejoin="round">`,
    ...paths,
    "</g>",
    "</svg>\n",
  ].join("\n");
}

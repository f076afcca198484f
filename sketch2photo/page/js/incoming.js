// A picture from outside, as pixels: a file, something pasted or dropped, a photo just taken.

/** Pixels of the longer side at which a picture is looked at: lines survive, and a photo of 50 megapixels is as quick. */
const LONGEST = 1000;
const MOST_BYTES = 40e6;
const SVG = "http://www.w3.org/2000/svg";

/** Why a picture cannot be brought; `row` says it. */
export class NoPicture extends Error {
  /** @param {"notAPicture" | "tooLarge"} row */
  constructor(row) {
    super(row);
    this.row = row;
  }
}

/** @param {DataTransfer | null} data of a drop or the clipboard @returns {File | null} a picture in it, if there is one */
export function pictureIn(data) {
  const file = Array.from(data?.files ?? []).find((each) => each.type.startsWith("image/") || /\.svg$/i.test(each.name));
  if (file) return file;
  const text = data?.getData("text/plain").trim() ?? "";
  return /^(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<svg[\s>]/s.test(text) ? new File([text], "pasted.svg", { type: "image/svg+xml" }) : null;
}

/** @param {Blob & {name?: string}} file @returns {Promise<HTMLCanvasElement>} at most LONGEST pixels wide and high */
export async function open(file) {
  if (file.size > MOST_BYTES) throw new NoPicture("tooLarge");
  const vector = file.type === "image/svg+xml" || /\.svg$/i.test(file.name ?? "");
  const url = URL.createObjectURL(vector ? sized(await file.text()) : file);
  try {
    // An <img> turns photos upright, runs no script of an SVG and fetches nothing for it.
    const image = new Image();
    image.src = url;
    await image.decode();
    return draw(image, image.naturalWidth, image.naturalHeight);
  } catch {
    throw new NoPicture("notAPicture");
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** @param {CanvasImageSource} image @param {number} width @param {number} height */
export function draw(image, width, height) {
  if (!width || !height) throw new NoPicture("notAPicture");
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new NoPicture("notAPicture");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The same picture a quarter turn further. @param {HTMLCanvasElement} from */
export function turned(from) {
  const canvas = document.createElement("canvas");
  canvas.width = from.height;
  canvas.height = from.width;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context?.setTransform(0, 1, -1, 0, from.height, 0);
  context?.drawImage(from, 0, 0);
  return canvas;
}

/** An SVG large enough to be looked at: many have no size or are as small as an icon. @param {string} text */
function sized(text) {
  const root = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  if (root.namespaceURI !== SVG || root.localName !== "svg") throw new NoPicture("notAPicture");
  const box = (root.getAttribute("viewBox") ?? "").trim().split(/[\s,]+/).map(Number);
  const [width, height] = box.length === 4 && box[2] > 0 && box[3] > 0 ? box.slice(2) : ["width", "height"].map((side) => parseFloat(root.getAttribute(side) ?? "") || 300);
  if (box.length !== 4) root.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const scale = LONGEST / Math.max(width, height);
  root.setAttribute("width", String(width * scale));
  root.setAttribute("height", String(height * scale));
  // Foreign HTML would make the canvas unreadable.
  for (const each of root.querySelectorAll("foreignObject, script")) each.remove();
  return new Blob([new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" });
}

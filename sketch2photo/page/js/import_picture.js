// Importing a picture: chosen, taken, pasted or dropped; cleaned by the server, looked at, and put on the sheet.

import { Unreadable, dataUrl, pixels } from "./readback.js";
import { words } from "./words.js";

/** Pixels of the sheet's side: what is put on it is as sharp as what is drawn. */
const SHEET = 1024;
/** Of the JPEG that the server cleans. */
const QUALITY = 0.85;
/** Milliseconds after which the server counts as out of reach. */
const LOST = 20000;

/**
 * @typedef {{picture?: string | null, error?: string}} Cleaned  a PNG as large as the sheet, null where there are no lines
 * @typedef {(request: {picture: string, strength: number}) => Promise<Cleaned>} Clean  the server's `clean_picture`
 */

/** The dialog in which a picture is chosen or taken, and looked at before and after. */
export class PictureImport {
  /**
   * @param {HTMLElement} root @param {HTMLDialogElement} dialog @param {Clean} clean
   * @param {(picture: string) => Promise<void>} put a PNG as large as the sheet, as a data URL
   */
  constructor(root, dialog, clean, put) {
    this.root = root;
    this.dialog = dialog;
    this.clean = clean;
    this.put = put;
    const find = (/** @type {string} */ name) => /** @type {any} */ (dialog.querySelector(`[data-testid="import-${name}"]`));
    this.find = find;
    this.after = /** @type {HTMLCanvasElement} */ (find("after"));
    /** @type {HTMLCanvasElement | null} the picture as it came */
    this.picture = null;
    /** Whether the server cleans it at this moment, and whether it has to once more. */
    this.cleaning = false;
    this.stale = false;
    /** @type {MediaStream | null} */
    this.stream = null;

    find("choose").addEventListener("click", () => find("file").click());
    find("take").addEventListener("click", () => this.#take());
    for (const name of ["file", "capture"]) {
      find(name).addEventListener("change", () => {
        const [file] = find(name).files;
        find(name).value = ""; // so that the same file can be chosen again
        if (file) this.load(file);
      });
    }
    find("strength").addEventListener("input", () => this.#show());
    find("clean").addEventListener("change", () => this.#show());
    find("turn").addEventListener("click", () => this.picture && this.#look(turned(this.picture)));
    find("use").addEventListener("click", () => this.#use());
    dialog.addEventListener("close", () => this.#stopCamera());
    // What was said is over with the next click.
    dialog.addEventListener("click", (event) => /** @type {HTMLElement} */ (event.target).closest("button") && this.#tell(""), true);
    document.addEventListener("paste", (event) => this.#catch(event, event.clipboardData));
    document.addEventListener("dragover", (event) => {
      const kinds = Array.from(event.dataTransfer?.types ?? []);
      if (!root.isConnected || !kinds.some((kind) => TAKEN.includes(kind)) || (isField(event.target) && !kinds.includes("Files"))) return;
      event.preventDefault();
      root.dataset.drop = "true";
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) delete root.dataset.drop;
    });
    document.addEventListener("drop", (event) => {
      delete root.dataset.drop;
      this.#catch(event, event.dataTransfer);
    });
  }

  /** Ask for a picture. */
  ask() {
    this.#state("asking");
    this.#tell("");
    if (!this.dialog.open) this.dialog.showModal();
  }

  /** @param {Event} event @param {DataTransfer | null} data */
  #catch(event, data) {
    if (!this.root.isConnected || (isField(event.target) && !data?.files.length)) return;
    const found = pictureIn(data);
    // Else the browser would leave the page for what was dropped.
    if (found || event.type === "drop") event.preventDefault();
    if (typeof found === "string" && found.includes("#sketch=")) location.hash = found.slice(found.indexOf("#"));
    else if (found) this.load(found);
  }

  /** @param {Blob | string} found a file, or the address of a picture */
  async load(found) {
    this.#stopCamera();
    this.ask();
    try {
      if (typeof found === "string") this.#tell(words.fetching);
      this.#look(await open(typeof found === "string" ? await fetched(found) : found));
    } catch (error) {
      this.#state("asking");
      this.#tell(words[error instanceof NoPicture ? error.row : "notAPicture"]);
    }
  }

  /** @param {HTMLCanvasElement} picture */
  #look(picture) {
    this.#stopCamera();
    this.picture = picture;
    const before = /** @type {HTMLCanvasElement} */ (this.find("before"));
    before.width = picture.width;
    before.height = picture.height;
    before.getContext("2d")?.drawImage(picture, 0, 0);
    this.#whiteSheet();
    this.find("strength").value = "0";
    this.find("clean").checked = true;
    this.#state("looking");
    this.#show().then(() => this.find("use").focus());
  }

  /** The preview: what will be on the sheet. */
  async #show() {
    const { picture } = this;
    if (!picture) return;
    const clean = this.find("clean").checked;
    this.find("strength").disabled = !clean;
    this.find("use").disabled = clean;
    this.stale = clean;
    if (clean) {
      await this.#clean();
      return;
    }
    const { width, height } = picture;
    const scale = SHEET / Math.max(width, height);
    const context = this.#whiteSheet();
    context.drawImage(picture, (SHEET - width * scale) / 2, (SHEET - height * scale) / 2, width * scale, height * scale);
    // Without colour; not every browser has filters.
    context.globalCompositeOperation = "saturation";
    context.fillRect(0, 0, SHEET, SHEET);
    context.globalCompositeOperation = "source-over";
    this.#tell("");
  }

  /** Ask the server: one request on its way, and the slider's newest place next. */
  async #clean() {
    if (this.cleaning) return;
    this.cleaning = true;
    this.#tell(words.cleaning);
    while (this.stale && this.picture) {
      this.stale = false;
      const { picture, error } = await this.#cleaned(this.picture, Number(this.find("strength").value));
      if (this.stale || !this.find("clean").checked) continue;
      const context = this.#whiteSheet();
      if (picture) context.drawImage(picture, 0, 0, SHEET, SHEET);
      this.find("use").disabled = !picture;
      this.#tell(picture ? "" : (error ?? words.noLines));
    }
    this.cleaning = false;
  }

  /** @param {HTMLCanvasElement} canvas @param {number} strength @returns {Promise<{picture?: HTMLImageElement, error?: string}>} */
  async #cleaned(canvas, strength) {
    try {
      const request = { picture: dataUrl(canvas, "image/jpeg", QUALITY), strength };
      /** @type {Promise<Cleaned>} */
      const silence = new Promise((_, fail) => setTimeout(() => fail(new Error("no answer")), LOST));
      const { picture, error } = await Promise.race([this.clean(request), silence]);
      if (!picture) return { error };
      const image = new Image();
      image.src = picture;
      await image.decode();
      return { picture: image };
    } catch (error) {
      return { error: error instanceof Unreadable ? words.unreadable : words.cannotClean };
    }
  }

  #whiteSheet() {
    const context = /** @type {CanvasRenderingContext2D} */ (this.after.getContext("2d"));
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SHEET, SHEET);
    context.imageSmoothingQuality = "high";
    return context;
  }

  async #use() {
    try {
      await this.put(dataUrl(this.after));
      this.dialog.close();
    } catch {
      this.#tell(words.unreadable);
    }
  }

  /** Take a photo: phones have a camera of their own for it, computers show what their camera sees. */
  async #take() {
    if (this.stream) {
      const video = /** @type {HTMLVideoElement} */ (this.find("video"));
      if (video.videoWidth) this.#look(draw(video, video.videoWidth, video.videoHeight));
      return;
    }
    if (!navigator.mediaDevices?.getUserMedia || window.matchMedia("(pointer: coarse)").matches) {
      this.find("capture").click();
      return;
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
      if (!this.dialog.open) {
        this.#stopCamera();
        return;
      }
      this.find("video").srcObject = this.stream;
      await this.find("video").play();
      this.#state("taking");
      this.#tell("");
    } catch {
      this.#stopCamera();
      this.#tell(words.noCamera);
    }
  }

  #stopCamera() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.find("video").srcObject = null;
    if (this.dialog.dataset.state === "taking") this.#state("asking");
  }

  /** @param {"asking" | "taking" | "looking"} state */
  #state(state) {
    this.dialog.dataset.state = state;
    this.find("take").textContent = state === "taking" ? words.shutter : words.takePhoto;
  }

  /** @param {string} sentence */
  #tell(sentence) {
    const place = /** @type {HTMLElement} */ (this.dialog.querySelector(".told"));
    if (place.textContent !== sentence) place.textContent = sentence;
  }
}

/** Pixels of the longer side at which a picture is looked at, which the server takes: lines survive. */
const LONGEST = 1000;
const MOST_BYTES = 40e6;
const SVG = "http://www.w3.org/2000/svg";
/** Milliseconds for a picture to arrive from its address. */
const FETCHING = 10000;
/** Kinds of things that can be dropped. */
const TAKEN = ["Files", "text/uri-list", "text/html", "text/plain"];

/** Whether text that is put there is meant for the field. @param {EventTarget | null} place */
const isField = (place) => Boolean(/** @type {HTMLElement} */ (place)?.closest?.("input:not([type=range], [type=color], [type=checkbox]), textarea, select, [contenteditable]"));

/** Why a picture cannot be imported; `row` says it. */
export class NoPicture extends Error {
  /** @param {"notAPicture" | "tooLarge" | "notFetched"} row */
  constructor(row) {
    super(row);
    this.row = row;
  }
}

/**
 * What was dropped or pasted, if there is a picture in it: the file, or its address.
 * @param {DataTransfer | null} data @returns {File | string | null}
 */
export function pictureIn(data) {
  const files = Array.from(data?.files ?? []);
  // Any other file is looked at, too: what it is called says little.
  const file = files.find((each) => each.type.startsWith("image/") || /\.svgz?$/i.test(each.name)) ?? files[0];
  if (file) return file;
  const [text, html, list] = ["text/plain", "text/html", "text/uri-list"].map((kind) => data?.getData(kind).trim() ?? "");
  if (hasSvg(text)) return svgFile(text);
  const image = imageIn(html);
  const listed = list.split(/\r?\n/).find((line) => line && !line.startsWith("#"));
  const address = [image, listed, text].map(addressIn).find(Boolean);
  // An image whose address means nothing here, as in a mail, is told to be out of reach.
  return address || (hasSvg(html) ? svgFile(html) : image || null);
}

/** @param {string} text */
const svgFile = (text) => new File([text], "pasted.svg", { type: "image/svg+xml" });

/** Whether a text has the source of an SVG, which may begin with a declaration, comments or a code fence. @param {string} text */
const hasSvg = (text) => !/^(url\(|["'\s])*data:/i.test(text) && /<(\w+:)?svg[\s>]/i.test(text);

/** The source of the first picture in HTML; "" if it has none. @param {string} html */
function imageIn(html) {
  if (!/<img\b/i.test(html)) return "";
  // A document of its own, in which nothing is loaded or run.
  const image = new DOMParser().parseFromString(html, "text/html").querySelector("img[src], img[srcset]");
  return image?.getAttribute("src") || (image?.getAttribute("srcset") ?? "").trim().split(/\s/)[0];
}

/** A text that is an address, as it is or as in a style sheet; "" for any other. @param {string | null | undefined} text */
export function addressIn(text) {
  const [, address] = /^(?:url\()?["']?(.*?)["']?\)?;?$/s.exec((text ?? "").trim()) ?? [];
  if (/^data:[^,]*,/i.test(address)) return address;
  return /^(https?|blob|file|ftp):\S+$/i.test(address) || /^\/\/\S+$/.test(address) ? address : "";
}

/** The picture at an address. @param {string} address @returns {Promise<Blob>} */
async function fetched(address) {
  // Style sheets leave the signs in the colours of an SVG as they are; in an address they begin a fragment.
  const url = /^data:(?!.*;base64,)/is.test(address) ? address.replaceAll("#", "%23") : address;
  try {
    const options = /** @type {RequestInit} */ ({ credentials: "omit", referrerPolicy: "no-referrer", signal: AbortSignal.timeout(FETCHING) });
    const answer = await fetch(new URL(url, location.href), options);
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return await answer.blob();
  } catch {
    throw new NoPicture("notFetched");
  }
}

/** @param {Blob & {name?: string}} file @returns {Promise<HTMLCanvasElement>} at most LONGEST pixels wide and high */
export async function open(file) {
  if (file.size > MOST_BYTES) throw new NoPicture("tooLarge");
  const text = await svgText(file);
  const url = URL.createObjectURL(text ? sized(text) : file);
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

/** The source of an SVG file, whatever it is called and however it is written; "" for any other. @param {Blob & {name?: string}} file */
export async function svgText(file) {
  const start = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  const [a, b] = start;
  if (a === 0x1f && b === 0x8b) return new Response(file.stream().pipeThrough(new DecompressionStream("gzip"))).text();
  const code = (a === 0xff && b === 0xfe) || (a === 0x3c && b === 0) ? "utf-16le" : (a === 0xfe && b === 0xff) || (a === 0 && b === 0x3c) ? "utf-16be" : "utf-8";
  const text = new TextDecoder(code).decode(await file.arrayBuffer());
  // Letters, not the bytes of a photo that happen to look like them.
  return hasSvg(text) && !/[\0-\x08]/.test(text.slice(0, 1000)) ? text : "";
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
  fillGround(context);
  return canvas;
}

/** Put white behind what is transparent, and black behind light lines on nothing. @param {CanvasRenderingContext2D} context */
function fillGround(context) {
  const { width, height } = context.canvas;
  /** @type {ArrayLike<number>} */
  let data = [];
  try {
    data = pixels(context);
  } catch {
    // Where pages cannot look, the ground is white.
  }
  let [cover, light] = [0, 0];
  for (let i = 0; i < data.length; i += 4) {
    cover += data[i + 3];
    light += (data[i + 3] * (data[i] + data[i + 1] + data[i + 2])) / 765;
  }
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = cover < 0.9 * 255 * width * height && light > 0.7 * cover ? "#000" : "#fff";
  context.fillRect(0, 0, width, height);
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
  const root = parsed(text);
  if (root?.namespaceURI !== SVG || root.localName !== "svg") throw new NoPicture("notAPicture");
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

/** The root of an SVG's source: as XML, or as the part of a page that it was copied from. @param {string} text */
function parsed(text) {
  // The text is decoded already, whatever it declares, and a declaration must stand first.
  const source = text.trim().replace(/^<\?xml[^>]*\?>/, "");
  const root = new DOMParser().parseFromString(source, "image/svg+xml").documentElement;
  const isXml = root.namespaceURI === SVG && !root.querySelector("parsererror");
  return isXml ? root : new DOMParser().parseFromString(source, "text/html").querySelector("svg");
}

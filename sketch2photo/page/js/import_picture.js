// Importing a picture: chosen, taken, pasted or dropped; cleaned by the server, looked at, and put on the sheet.

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
    document.addEventListener("paste", (event) => this.#catch(event, event.clipboardData));
    document.addEventListener("dragover", (event) => {
      if (!Array.from(event.dataTransfer?.types ?? []).includes("Files")) return;
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
    const target = /** @type {HTMLElement} */ (event.target);
    if (!this.root.isConnected || target.closest?.("input, textarea, [contenteditable]")) return;
    const file = pictureIn(data);
    if (file || data?.files.length) event.preventDefault();
    if (file) this.load(file);
    else if (data?.files.length) {
      this.ask();
      this.#tell(words.notAPicture);
    }
  }

  /** @param {Blob & {name?: string}} file */
  async load(file) {
    this.#stopCamera();
    if (!this.dialog.open) this.ask();
    try {
      this.#look(await open(file));
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
    context.filter = "grayscale(1)";
    context.drawImage(picture, (SHEET - width * scale) / 2, (SHEET - height * scale) / 2, width * scale, height * scale);
    context.filter = "none";
    this.#tell("");
  }

  /** Ask the server: one request on its way, and the slider's newest place next. */
  async #clean() {
    if (this.cleaning) return;
    this.cleaning = true;
    this.#tell(words.cleaning);
    while (this.stale && this.picture) {
      this.stale = false;
      const request = { picture: this.picture.toDataURL("image/jpeg", QUALITY), strength: Number(this.find("strength").value) };
      const { picture, error } = await this.#cleaned(request);
      if (this.stale || !this.find("clean").checked) continue;
      const context = this.#whiteSheet();
      if (picture) context.drawImage(picture, 0, 0, SHEET, SHEET);
      this.find("use").disabled = !picture;
      this.#tell(picture ? "" : (error ?? words.noLines));
    }
    this.cleaning = false;
  }

  /** @param {{picture: string, strength: number}} request @returns {Promise<{picture?: HTMLImageElement, error?: string}>} */
  async #cleaned(request) {
    try {
      /** @type {Promise<Cleaned>} */
      const silence = new Promise((_, fail) => setTimeout(() => fail(new Error("no answer")), LOST));
      const { picture, error } = await Promise.race([this.clean(request), silence]);
      if (!picture) return { error };
      const image = new Image();
      image.src = picture;
      await image.decode();
      return { picture: image };
    } catch {
      return { error: words.cannotClean };
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
    await this.put(this.after.toDataURL("image/png"));
    this.dialog.close();
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

/** Why a picture cannot be imported; `row` says it. */
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
  fillGround(context);
  return canvas;
}

/** Put white behind what is transparent, and black behind light lines on nothing. @param {CanvasRenderingContext2D} context */
function fillGround(context) {
  const { width, height } = context.canvas;
  const { data } = context.getImageData(0, 0, width, height);
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

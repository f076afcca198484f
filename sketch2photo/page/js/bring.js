// Bringing a picture: chosen, taken, pasted or dropped; cleaned, looked at, and put on the sheet.

import { darkness } from "./clean.js";
import { NoPicture, draw, open, pictureIn, turned } from "./incoming.js";
import { growth, lines, place, thicken } from "./lines.js";
import { words } from "./words.js";

/** Pixels of the sheet's side: what is put on it is as sharp as what is drawn. */
const SHEET = 1024;

export class Bringing {
  /**
   * @param {HTMLElement} root @param {HTMLDialogElement} dialog
   * @param {(picture: string) => Promise<void>} put a PNG as large as the sheet, as a data URL
   */
  constructor(root, dialog, put) {
    this.root = root;
    this.dialog = dialog;
    this.put = put;
    const find = (/** @type {string} */ name) => /** @type {any} */ (dialog.querySelector(`[data-testid="bring-${name}"]`));
    this.find = find;
    this.after = /** @type {HTMLCanvasElement} */ (find("after"));
    /** @type {HTMLCanvasElement | null} the picture as it came */
    this.picture = null;
    /** @type {import("./clean.js").Darkness | null} */
    this.dark = null;
    /** @type {MediaStream | null} */
    this.stream = null;

    find("choose").addEventListener("click", () => find("file").click());
    find("take").addEventListener("click", () => this.#take());
    for (const name of ["file", "capture"]) {
      find(name).addEventListener("change", () => {
        const [file] = find(name).files;
        find(name).value = ""; // so that the same file can be chosen again
        if (file) this.bring(file);
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

  /** Ask what to bring. */
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
    if (file) this.bring(file);
    else if (data?.files.length) {
      this.ask();
      this.#tell(words.notAPicture);
    }
  }

  /** @param {Blob & {name?: string}} file */
  async bring(file) {
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
    const context = /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d"));
    this.dark = darkness(context.getImageData(0, 0, picture.width, picture.height));
    this.find("strength").value = "0";
    this.find("clean").checked = true;
    this.#state("looking");
    this.#show();
    this.find("use").focus();
  }

  /** The preview: what will be on the sheet. */
  #show() {
    if (!this.dark || !this.picture) return;
    const context = this.after.getContext("2d");
    if (!context) return;
    const clean = this.find("clean").checked;
    this.find("strength").disabled = !clean;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SHEET, SHEET);
    context.imageSmoothingQuality = "high";
    const found = clean ? lines(this.dark, Number(this.find("strength").value)) : null;
    if (found?.box) {
      const { scale, x, y } = place(found.box, SHEET);
      const ink = thicken(found, growth(found.pen, scale, SHEET));
      context.drawImage(inkCanvas(ink, found.width, found.height), x, y, found.width * scale, found.height * scale);
    } else if (!clean) {
      const { width, height } = this.picture;
      const scale = SHEET / Math.max(width, height);
      context.filter = "grayscale(1)";
      context.drawImage(this.picture, (SHEET - width * scale) / 2, (SHEET - height * scale) / 2, width * scale, height * scale);
      context.filter = "none";
    }
    const nothing = clean && !found?.box;
    this.find("use").disabled = nothing;
    this.#tell(nothing ? words.noLines : "");
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

/** Black lines on nothing. @param {Float32Array} ink @param {number} width @param {number} height */
function inkCanvas(ink, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  for (let i = 0; i < ink.length; i += 1) pixels.data[4 * i + 3] = 255 * ink[i];
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  return canvas;
}

// The photo, what is said about it, and the sketch over it.

import { words } from "./words.js";

/** @typedef {"empty" | "ok" | "unsure" | "none"} Status */

/** Milliseconds for which it is true how many draw. */
const FRESH = 1000;

/** The photo, and what is said about it. */
export class PhotoView {
  /** @param {HTMLElement} root */
  constructor(root) {
    const find = (/** @type {string} */ name) => /** @type {HTMLElement} */ (root.querySelector(name));
    this.root = root;
    this.photo = /** @type {HTMLImageElement} */ (find("[data-testid=photo]"));
    this.status = find("[data-testid=status]");
    this.latency = find("[data-testid=latency]");
    this.notice = find(".notice");
    this.spoken = find(".spoken");
    this.other = find("[data-testid=other]");
    this.pencil = /** @type {HTMLCanvasElement} */ (find(".pencil"));
    this.nearest = find("[data-testid=nearest]");
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.alarm = undefined;
    this.clear();
  }

  /** No drawing, no photo. */
  clear() {
    this.root.dataset.status = "empty";
    this.photo.removeAttribute("src");
    this.photo.alt = "";
    this.other.hidden = true;
    this.status.textContent = words.empty;
    clearTimeout(this.alarm);
    this.latency.textContent = "";
  }

  /** Resolves once the photo is on the screen. @param {string} url */
  async show(url) {
    this.other.hidden = true;
    await new Promise((done) => {
      this.photo.onload = done;
      this.photo.onerror = done;
      this.photo.src = url;
    });
  }

  /**
   * Something that cannot be painted: the drawing in pencil, what it looks like, and the nearest thing for a tap.
   * @param {string | null} word @param {string | null} nearest a category @param {HTMLCanvasElement} sheet
   */
  decline(word, nearest, sheet) {
    this.photo.removeAttribute("src");
    this.pencil.getContext("2d")?.drawImage(sheet, 0, 0, this.pencil.width, this.pencil.height);
    /** @type {HTMLElement} */ (this.other.querySelector("p")).textContent = words.other(word);
    this.nearest.hidden = !nearest;
    this.nearest.textContent = nearest ? words.paintAs(nearest) : "";
    this.other.hidden = false;
  }

  /**
   * @param {Status} status @param {import("./session.js").Answer} answer
   * @param {boolean} chosen whether somebody said what it is @param {number} milliseconds
   */
  describe(status, { category = null, colour = null, word = null, probabilities = {}, people = 1 }, chosen, milliseconds) {
    this.root.dataset.status = status;
    const share = category && !chosen ? probabilities[category] : undefined;
    this.photo.alt = this.other.hidden ? words.photo(category, colour, share === undefined ? null : Math.round(100 * share)) : "";
    const name = document.createElement("strong");
    const rest = document.createElement("span");
    if (!this.other.hidden) {
      name.textContent = word ? words.looksLike(word) : words.none;
      rest.textContent = words.notYet;
    } else if (chosen && category) {
      name.textContent = words.spoken(category);
      rest.textContent = words.chosen;
    } else if (status === "unsure" || status === "none") {
      name.textContent = words[status];
      rest.textContent = category ? words.painted(category) : "";
    } else {
      name.textContent = category ? words.spoken(category) : "";
    }
    this.status.replaceChildren(name, " ", rest);
    clearTimeout(this.alarm);
    this.latency.textContent = words.latency(milliseconds);
    if (people < 2) return;
    const alone = this.latency.textContent;
    this.latency.textContent = `${words.people(people)} · ${alone}`;
    // They may have left since.
    this.alarm = setTimeout(() => (this.latency.textContent = alone), FRESH);
  }

  /** What hinders, over the photo; "" takes it away. @param {string} sentence */
  say(sentence) {
    if (this.notice.textContent !== sentence) this.notice.textContent = sentence;
    this.notice.hidden = !sentence;
  }

  /** Something new is asked for: what was said before is over, unless it still hinders. */
  hush() {
    if (this.root.dataset.state === "idle") this.say("");
  }

  /** For screen readers, once the pen rests: the line under the photo changes too often to be read out. */
  announce() {
    if (this.spoken.textContent !== this.status.textContent) this.spoken.textContent = this.status.textContent;
  }
}

/** Pixels a side of the sketch over the photo: enough for the largest photo on the screen. */
const SIDE = 1024;

/** The sketch over the photo, as strong as the slider says. */
export class Overlay {
  /** @param {HTMLCanvasElement} over @param {HTMLInputElement} slider 0 to 100 @param {HTMLCanvasElement} sheet */
  constructor(over, slider, sheet) {
    this.over = over;
    this.slider = slider;
    this.sheet = sheet;
    this.due = false;
    over.width = SIDE;
    over.height = SIDE;
    slider.addEventListener("input", () => this.#set());
    this.#set();
  }

  /** None, or half; for the keyboard. */
  toggle() {
    this.slider.value = Number(this.slider.value) > 0 ? "0" : "50";
    this.#set();
  }

  #set() {
    const share = Number(this.slider.value) / 100;
    this.over.style.opacity = String(share);
    this.over.hidden = share === 0;
    this.touch();
  }

  /** The drawing changed: it is copied at the next frame, and only while it is seen. */
  touch() {
    if (this.over.hidden || this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.over.getContext("2d")?.drawImage(this.sheet, 0, 0, SIDE, SIDE);
    });
  }
}

/** Pixels by which a finger has to move to put the large photo away. */
const SWIPE = 50;

/** The photo over the whole screen: pinched as any picture, put away by a tap, a swipe or Escape. */
export class Large {
  /** @param {HTMLDialogElement} dialog */
  constructor(dialog) {
    this.dialog = dialog;
    this.image = /** @type {HTMLImageElement} */ (dialog.querySelector("img"));
    let [x, y] = [0, 0];
    // Whoever has come closer moves about in the picture.
    const near = () => (window.visualViewport?.scale ?? 1) > 1.05;
    dialog.addEventListener("touchstart", ({ touches }) => ([x, y] = touches.length > 1 ? [NaN, NaN] : [touches[0].clientX, touches[0].clientY]), { passive: true });
    dialog.addEventListener("touchend", ({ changedTouches: [{ clientX, clientY }] }) => {
      if (!near() && Math.hypot(clientX - x, clientY - y) > SWIPE) dialog.close();
    });
    dialog.addEventListener("click", () => near() || dialog.close());
  }

  /** @param {string} url @param {string} alt */
  open(url, alt) {
    this.image.src = url;
    this.image.alt = alt;
    this.dialog.showModal();
  }
}

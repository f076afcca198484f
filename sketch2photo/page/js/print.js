// The photo and what is said about it.

import { words } from "./words.js";

/** @typedef {"empty" | "ok" | "unsure" | "none"} Status */

export class Print {
  /** @param {HTMLElement} root */
  constructor(root) {
    const find = (/** @type {string} */ name) => /** @type {HTMLElement} */ (root.querySelector(name));
    this.root = root;
    this.photo = /** @type {HTMLImageElement} */ (find("[data-testid=photo]"));
    this.status = find("[data-testid=status]");
    this.latency = find("[data-testid=latency]");
    this.notice = find(".notice");
    this.spoken = find(".spoken");
    this.clear();
  }

  /** No drawing, no photo. */
  clear() {
    this.root.dataset.status = "empty";
    this.photo.removeAttribute("src");
    this.photo.alt = "";
    this.status.textContent = words.empty;
    this.latency.textContent = "";
  }

  /** Resolves once the photo is on the screen. @param {string} url */
  async show(url) {
    await new Promise((done) => {
      this.photo.onload = done;
      this.photo.onerror = done;
      this.photo.src = url;
    });
  }

  /** @param {Status} status @param {string | null} category @param {boolean} chosen @param {number} milliseconds @param {number} people who draw at the same time */
  describe(status, category, chosen, milliseconds, people) {
    this.root.dataset.status = status;
    this.photo.alt = words.photo(category);
    const name = document.createElement("strong");
    const rest = document.createElement("span");
    if (chosen && category) {
      name.textContent = words.spoken(category);
      rest.textContent = words.chosen;
    } else if (status === "unsure" || status === "none") {
      name.textContent = words[status];
      rest.textContent = category ? words.painted(category) : "";
    } else {
      name.textContent = category ? words.spoken(category) : "";
    }
    this.status.replaceChildren(name, rest);
    this.latency.textContent = people > 1 ? `${words.people(people)} · ${words.latency(milliseconds)}` : words.latency(milliseconds);
  }

  /** What hinders, over the photo; "" takes it away. @param {string} sentence */
  say(sentence) {
    if (this.notice.textContent !== sentence) this.notice.textContent = sentence;
    this.notice.hidden = !sentence;
  }

  /** For screen readers, once the pen rests: the line under the photo changes too often to be read out. */
  announce() {
    if (this.spoken.textContent !== this.status.textContent) this.spoken.textContent = this.status.textContent;
  }

  /** Hand the photo to the person as a PNG file. @param {string} name */
  async save(name) {
    const canvas = document.createElement("canvas");
    canvas.width = this.photo.naturalWidth;
    canvas.height = this.photo.naturalHeight;
    canvas.getContext("2d")?.drawImage(this.photo, 0, 0);
    const file = await new Promise((done) => canvas.toBlob(done, "image/png"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
}

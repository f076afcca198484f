// Four variations of what is on show, side by side over the photo: one look, one click.

import { words } from "./words.js";

/** How many, in one batch of the model. */
const COUNT = 4;
const MAX_SEED = 2 ** 31;

/**
 * @typedef {{photo: string | null, seed: number, colour: string | null}} Variation
 * @typedef {{variations?: Variation[], probabilities?: Record<string, number>, busy?: string, error?: string, stale?: boolean}} Reply
 */

export class Variations {
  /**
   * @param {HTMLElement} strip
   * @param {{
   *   seed: () => number,
   *   ask: (seeds: number[]) => Promise<Reply>,
   *   take: (seed: number) => void,
   *   changed: () => void,
   * }} on  the seed of what is on show, the server, what to do with the one that was chosen, and when the strip opens or closes
   */
  constructor(strip, on) {
    this.strip = strip;
    this.on = on;
    /** @type {number[]} the seeds on show */
    this.seeds = [];
    /** Answers to older questions are dropped. */
    this.asked = 0;
    this.buttons = Array.from({ length: COUNT }, (_, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.testid = "take";
      const image = document.createElement("img");
      image.alt = "";
      image.draggable = false;
      button.append(image);
      button.addEventListener("click", () => {
        const seed = this.seeds[i];
        this.close();
        on.take(seed);
      });
      return button;
    });
    strip.prepend(...this.buttons);
    strip.querySelector(".shut")?.addEventListener("click", () => this.close());
    this.close();
  }

  get open() {
    return !this.strip.hidden;
  }

  /** Show the next four; those after them if the strip is open already. @returns {Promise<void>} */
  next() {
    const last = this.open ? this.seeds[COUNT - 1] : this.on.seed();
    this.seeds = Array.from({ length: COUNT }, (_, i) => (last + 1 + i) % MAX_SEED);
    if (!this.open) {
      this.strip.hidden = false;
      for (const button of this.buttons) this.#fill(button, null);
      this.on.changed();
    }
    return this.refresh();
  }

  close() {
    this.asked += 1;
    if (!this.open) return;
    this.strip.hidden = true;
    this.on.changed();
  }

  /** The drawing changed and the pen rests: the same four of it. */
  async refresh() {
    if (!this.open) return;
    this.asked += 1;
    const asked = this.asked;
    this.strip.setAttribute("aria-busy", "true");
    const reply = await this.on.ask(this.seeds).catch(() => ({ busy: words.offline }));
    if (asked !== this.asked) return;
    const { variations } = /** @type {Reply} */ (reply);
    if (variations) {
      this.strip.setAttribute("aria-busy", "false");
      this.buttons.forEach((button, i) => this.#fill(button, variations[i] ?? null));
    } else if ("error" in reply) {
      this.close();
    } else {
      // Busy or offline: what is on show is asked for again, as long as it is.
      setTimeout(() => asked === this.asked && this.refresh(), 1000);
    }
  }

  /** @param {HTMLButtonElement} button @param {Variation | null} variation */
  #fill(button, variation) {
    const image = /** @type {HTMLImageElement} */ (button.querySelector("img"));
    if (variation?.photo) image.src = variation.photo;
    else image.removeAttribute("src");
    button.disabled = !variation?.photo;
    const label = variation ? words.variation(variation.seed, variation.colour) : words.variations;
    button.setAttribute("aria-label", label);
    button.title = label;
  }
}

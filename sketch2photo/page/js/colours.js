// The colour of what is painted: left to the model, one of the category's own, or any.

import { words } from "./words.js";

export class Colours {
  /**
   * @param {HTMLElement} place holds the `auto` button, an element `.swatches` and the picker
   * @param {(colour: string) => void} choose "" for the model's own choice
   */
  constructor(place, choose) {
    this.place = place;
    /** @type {Record<string, string[]>} */
    this.palette = {};
    this.choose = choose;
    this.auto = /** @type {HTMLButtonElement} */ (place.querySelector("[data-colour='']"));
    this.swatches = /** @type {HTMLElement} */ (place.querySelector(".swatches"));
    this.picker = /** @type {HTMLInputElement} */ (place.querySelector("input[type=color]"));
    this.category = "";
    this.auto.addEventListener("click", () => choose(""));
    this.picker.addEventListener("input", () => choose(this.picker.value));
  }

  /** @param {Record<string, string[]>} palette the usual colours of each category; {} where the model takes none */
  offer(palette) {
    this.palette = palette;
    const most = Math.max(0, ...Object.values(palette).map((colours) => colours.length));
    this.place.hidden = most === 0;
    this.swatches.replaceChildren();
    // As many places as the largest palette has, so that nothing moves when the category changes.
    for (let i = 0; i < most; i += 1) this.swatches.append(this.#swatch());
  }

  #swatch() {
    const swatch = document.createElement("button");
    swatch.type = "button";
    swatch.className = "swatch";
    swatch.setAttribute("aria-pressed", "false");
    swatch.addEventListener("click", () => this.choose(swatch.dataset.colour === this.chosen ? "" : (swatch.dataset.colour ?? "")));
    return swatch;
  }

  /** @param {string | null} category whose colours to offer @param {string} chosen "" for auto @param {string | null} used */
  show(category, chosen, used) {
    this.chosen = chosen;
    const colours = this.palette[category ?? ""] ?? Object.values(this.palette)[0] ?? [];
    Array.from(this.swatches.children).forEach((each, i) => {
      const swatch = /** @type {HTMLButtonElement} */ (each);
      const colour = colours[i] ?? "";
      swatch.disabled = !colour;
      swatch.dataset.colour = colour;
      swatch.style.backgroundColor = colour || "transparent";
      swatch.setAttribute("aria-label", words.colour(colour));
      swatch.title = words.colour(colour);
      swatch.setAttribute("aria-pressed", String(Boolean(colour) && colour === chosen));
    });
    this.auto.setAttribute("aria-pressed", String(!chosen));
    const own = Boolean(chosen) && !colours.includes(chosen);
    this.place.classList.toggle("own", own);
    if (own) this.picker.value = chosen;
    else if (used) this.picker.value = used;
  }
}

/** What the brush starts with: colours that things have. */
const INKS = ["#c23b2e", "#e2822f", "#efc544", "#5d9a4b", "#3f76b5", "#8a55a3", "#7d5234", "#efe6d6", "#2b2a2c"];

/** The colours of the brush, in a row over the sheet while it is in hand. */
export class Inks {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.colour = INKS[0];
    const swatches = INKS.map((colour) => {
      const swatch = document.createElement("button");
      swatch.type = "button";
      swatch.className = "swatch";
      swatch.dataset.colour = colour;
      swatch.style.backgroundColor = colour;
      swatch.title = words.colour(colour);
      swatch.setAttribute("aria-label", words.colour(colour));
      swatch.addEventListener("click", () => this.#take(colour));
      return swatch;
    });
    place.prepend(...swatches);
    const picker = /** @type {HTMLInputElement} */ (place.querySelector("input"));
    picker.addEventListener("input", () => this.#take(picker.value));
    this.#take(this.colour);
  }

  /** @param {string} colour */
  #take(colour) {
    this.colour = colour;
    for (const swatch of this.place.querySelectorAll("button")) swatch.setAttribute("aria-pressed", String(swatch.dataset.colour === colour));
    this.place.classList.toggle("own", !INKS.includes(colour));
  }
}

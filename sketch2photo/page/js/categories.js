// What the model at hand can paint: its categories, as a list and as bars that show how likely each is.

import { words } from "./words.js";

/**
 * @typedef {{name: string, categories: string[], palette: Record<string, string[]>, has_classifier: boolean}} Model
 */

/** Without a classifier nothing can be guessed: somebody has to say what it is, and the first category is as good. @param {Model} model @returns {string} the category that stands for "not chosen" */
export const unasked = (model) => (model.has_classifier || model.categories.length < 2 ? "" : model.categories[0]);

/** The category to ask for when one is not known, or not to this model. @param {Model} model @param {string} category */
export const known = (model, category) => (model.categories.includes(category) ? category : unasked(model));

/** Whether another seed is another photo: it chooses among a category's colours. @param {Model} model */
export const varies = (model) => Object.values(model.palette).some((colours) => colours.length > 1);

/** The list of categories. @param {HTMLSelectElement} list @param {Model} model */
export function offerCategories(list, model) {
  const auto = unasked(model) ? [] : [new Option(words.auto, "auto")];
  list.replaceChildren(...auto, ...model.categories.map((category) => new Option(words.spoken(category), category)));
  list.disabled = model.categories.length < 2;
}

/**
 * The list of models, hidden where there is one only.
 * @param {HTMLSelectElement} list @param {Model[]} models the first one is at hand @param {(model: Model) => void} use
 */
export function offerModels(list, models, use) {
  list.replaceChildren(...models.map(({ name }) => new Option(name, name)));
  list.hidden = models.length < 2;
  list.addEventListener("change", () => {
    const chosen = models.find(({ name }) => name === list.value);
    if (chosen) use(chosen);
  });
}

export class Bars {
  /** @param {HTMLElement} place @param {(category: string) => void} choose */
  constructor(place, choose) {
    this.place = place;
    this.choose = choose;
    /** @type {Map<string, HTMLButtonElement>} */
    this.bars = new Map();
    /** What is on show, as text. */
    this.shown = "";
  }

  /** One bar for each of these. @param {string[]} categories */
  offer(categories) {
    const { place } = this;
    this.bars.clear();
    place.replaceChildren();
    // At most six side by side, and rows as even as can be.
    place.style.setProperty("--columns", String(Math.ceil(categories.length / Math.ceil(categories.length / 6)) || 1));
    for (const category of categories) {
      const bar = document.createElement("button");
      bar.type = "button";
      bar.className = "bar";
      bar.dataset.category = category;
      bar.title = words.paintAs(category);
      for (const part of ["fill", "name", "share"]) {
        const span = document.createElement("span");
        span.className = part;
        // The space keeps name and share apart for those who have the button read out.
        bar.append(span, " ");
      }
      part(bar, "name").textContent = words.spoken(category);
      bar.addEventListener("click", () => this.choose(category));
      place.append(bar);
      this.bars.set(category, bar);
    }
    this.shown = "";
    this.show({}, null, null);
  }

  /** @param {Record<string, number>} probabilities @param {string | null} painted @param {string | null} chosen */
  show(probabilities, painted, chosen) {
    // Asked for at every move of the pen; new text in each bar would lay out the page anew each time.
    const asked = JSON.stringify([probabilities, painted, chosen]);
    if (asked === this.shown) return;
    this.shown = asked;
    const highest = Math.max(0, ...Object.values(probabilities));
    for (const [category, bar] of this.bars) {
      const share = probabilities[category] ?? 0;
      const percent = Math.round(share * 100);
      part(bar, "fill").style.transform = `scaleX(${share.toFixed(3)})`;
      part(bar, "share").textContent = `${percent}%`;
      bar.classList.toggle("leads", share > 0 && share === highest);
      bar.classList.toggle("painted", category === painted);
      bar.setAttribute("aria-pressed", String(category === chosen));
      bar.setAttribute("aria-label", words.bar(category, percent, category === chosen));
    }
  }
}

/** @param {HTMLElement} bar @param {string} name */
const part = (bar, name) => /** @type {HTMLElement} */ (bar.querySelector(`.${name}`));

// What the model at hand can paint: its categories, as a list and as bars that show how likely each is.

import { words } from "./words.js";

/**
 * @typedef {{name: string, categories: string[], palette: Record<string, string[]>, has_classifier: boolean, takes_hints?: boolean, paints_coverage?: boolean, device?: string}} Model
 */

/** Bars beside the photo, where there is no room for all. */
const LIKELIEST = 3;

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

/** A bar. @param {(category: string) => void} choose @returns {HTMLButtonElement} */
function newBar(choose) {
  const bar = document.createElement("button");
  bar.type = "button";
  bar.className = "bar";
  for (const part of ["fill", "name", "share"]) {
    const span = document.createElement("span");
    span.className = part;
    // The space keeps name and share apart for those who have the button read out.
    bar.append(span, " ");
  }
  bar.addEventListener("click", () => choose(bar.dataset.category ?? ""));
  return bar;
}

/** @param {HTMLButtonElement} bar @param {string} category */
function label(bar, category) {
  if (bar.dataset.category === category) return;
  bar.dataset.category = category;
  bar.title = words.paintAs(category);
  part(bar, "name").textContent = words.spoken(category);
}

/**
 * The likeliest categories, in their order. What is painted has a place among the few, or it could not be let go.
 * @param {string[]} categories @param {Record<string, number>} probabilities @param {string | null} painted
 */
export function likeliest(categories, probabilities, painted) {
  const few = [...categories].sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0)).slice(0, LIKELIEST);
  if (painted && few.length && !few.includes(painted) && categories.includes(painted)) few[few.length - 1] = painted;
  return few;
}

/** Bars that show how likely each category is: of all, in their places, and of the likeliest, in their order. */
export class Bars {
  /**
   * @param {HTMLElement} place of all @param {HTMLElement} beside where the likeliest go, and the button that shows all
   * @param {(category: string) => void} choose
   */
  constructor(place, beside, choose) {
    this.place = place;
    this.beside = beside;
    const chosen = (/** @type {string} */ category) => {
      this.open(false);
      choose(category);
    };
    this.choose = chosen;
    /** @type {Map<string, HTMLButtonElement>} */
    this.bars = new Map();
    this.likeliest = Array.from({ length: LIKELIEST }, () => newBar(chosen));
    this.all = document.createElement("button");
    this.all.type = "button";
    this.all.className = "go";
    this.all.dataset.testid = "all-bars";
    this.all.addEventListener("click", () => this.open(place.dataset.open !== "true"));
    beside.append(...this.likeliest, this.all);
    document.addEventListener("pointerdown", ({ target }) => {
      const within = [place, this.all].some((each) => each.contains(/** @type {Node} */ (target)));
      if (!within) this.open(false);
    });
    this.open(false);
    /** What is on show, as text. */
    this.shown = "";
  }

  /** Show all over the page, where only the likeliest have room. @param {boolean} open */
  open(open) {
    this.place.dataset.open = String(open);
    this.all.setAttribute("aria-expanded", String(open));
  }

  /** One bar for each of these. @param {string[]} categories */
  offer(categories) {
    const { place } = this;
    this.bars.clear();
    place.replaceChildren();
    // At most eight side by side, and rows as even as can be.
    place.style.setProperty("--columns", String(Math.ceil(categories.length / Math.ceil(categories.length / 8)) || 1));
    for (const category of categories) {
      const bar = newBar(this.choose);
      label(bar, category);
      place.append(bar);
      this.bars.set(category, bar);
    }
    this.likeliest.forEach((bar, i) => (bar.hidden = i >= categories.length));
    this.all.hidden = categories.length <= LIKELIEST;
    this.all.textContent = words.allBars(categories.length);
    this.shown = "";
    this.show({}, null, null);
  }

  /** @param {Record<string, number>} probabilities @param {string | null} painted @param {string | null} chosen */
  show(probabilities, painted, chosen) {
    // Asked for at every move of the pen; new text in each bar would lay out the page anew each time.
    const asked = JSON.stringify([probabilities, painted, chosen]);
    if (asked === this.shown) return;
    this.shown = asked;
    const share = (/** @type {string} */ category) => probabilities[category] ?? 0;
    const categories = [...this.bars.keys()];
    likeliest(categories, probabilities, painted).forEach((category, i) => label(this.likeliest[i], category));
    const highest = Math.max(0, ...categories.map(share));
    for (const bar of [...this.bars.values(), ...this.likeliest]) {
      const category = bar.dataset.category ?? "";
      const percent = Math.round(share(category) * 100);
      part(bar, "fill").style.transform = `scaleX(${share(category).toFixed(3)})`;
      part(bar, "share").textContent = `${percent}%`;
      bar.classList.toggle("leads", share(category) > 0 && share(category) === highest);
      bar.classList.toggle("painted", category === painted);
      bar.setAttribute("aria-pressed", String(category === chosen));
      bar.setAttribute("aria-label", words.bar(category, percent, category === chosen));
    }
  }
}

/** @param {HTMLElement} bar @param {string} name */
const part = (bar, name) => /** @type {HTMLElement} */ (bar.querySelector(`.${name}`));

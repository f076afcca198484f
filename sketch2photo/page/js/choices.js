// What the model at hand offers: which one it is, its categories, its colours.

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

// How likely each category is, as bars that are buttons: a click asks for that category, another one lets go.
//
// The bars stand in the model's order and never move. Sorted ones would have to be searched anew at every frame,
// sixteen times a second; here one looks at the place where "car" is, and sees it fill.

import { words } from "./words.js";

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

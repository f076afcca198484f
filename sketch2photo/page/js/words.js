// Every sentence that the script says, in one place.

/** @param {string} category as the model spells it, such as "teddy_bear" */
export const spoken = (category) => category.replaceAll("_", " ");

/** @param {string} category */
const withArticle = (category) => `${/^[aeiou]/i.test(category) ? "an" : "a"} ${spoken(category)}`;

export const words = {
  /** Three of the categories, from all over the list. @param {string[]} categories */
  hint: (categories) => {
    const picked = categories.filter((_, i) => i % Math.max(1, Math.floor(categories.length / 3)) === 0).slice(0, 3);
    return picked.length ? `Draw ${picked.map(withArticle).join(", ")}${picked.length < categories.length ? " …" : ""}` : "Draw something";
  },
  /** @param {string[]} categories */
  knows: (categories) => (categories.length > 1 ? `It paints ${categories.slice(0, 24).map(spoken).join(" · ")}` : ""),
  empty: "draw a line to begin",
  unsure: "not sure yet",
  none: "none of these",
  /** @param {string} category */
  painted: (category) => `painted as ${withArticle(category)}`,
  chosen: "your choice",
  /** @param {string | null} category */
  photo: (category) => (category ? `Photo of ${withArticle(category)}, made from your drawing` : "Photo made from your drawing"),
  /** @param {string} category @param {number} percent @param {boolean} chosen */
  bar: (category, percent, chosen) => `${spoken(category)}, ${percent} percent${chosen ? ", chosen" : ""}`,
  /** @param {number} milliseconds */
  latency: (milliseconds) => `${Math.round(milliseconds)} ms`,
  /** @param {string} colour */
  colour: (colour) => `Colour ${colour}`,
};

// What the object of the photo stands on: white, a colour, paper, a studio's floor, or nothing.

/** The names that the server knows beside colours. */
const GROUNDS = ["", "transparent", "paper", "floor"];
/** The list's row for a colour of one's own. */
const COLOUR = "colour";

/** @param {unknown} ground */
export const isGround = (ground) => typeof ground === "string" && (GROUNDS.includes(ground) || /^#[0-9a-f]{6}$/.test(ground));

/** The list of grounds, and the picker beside it for a colour. */
export class Grounds {
  /** @param {HTMLElement} place @param {(ground: string) => void} choose */
  constructor(place, choose) {
    this.place = place;
    this.list = /** @type {HTMLSelectElement} */ (place.querySelector("select"));
    this.picker = /** @type {HTMLInputElement} */ (place.querySelector("input"));
    this.list.addEventListener("change", () => choose(this.list.value === COLOUR ? this.picker.value : this.list.value));
    this.picker.addEventListener("input", () => choose(this.picker.value));
  }

  /** @param {string} ground */
  show(ground) {
    const own = ground.startsWith("#");
    this.list.value = own ? COLOUR : ground;
    this.picker.hidden = !own;
    if (own) this.picker.value = ground;
  }
}

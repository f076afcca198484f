// The sketch over its photo, as strong as the slider says.

/** Pixels a side: enough for the largest photo on the screen. */
const SIDE = 1024;

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

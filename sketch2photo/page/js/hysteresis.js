// Which category is painted while nobody has chosen one: the likeliest, with hysteresis, so that it does not flicker.
//
// With three strokes on the sheet an apple, a pear and a teapot are about as likely, and a photo that jumps between
// them at every frame cannot be looked at. So the first guess is held, and another category takes over only when it
// has led clearly for several frames in a row. When the pen rests there is nothing to wait for: a clear leader is
// taken at once.

const FRAMES = 3;
const CLEARLY = 0.08;

export class Hysteresis {
  constructor(frames = FRAMES, clearly = CLEARLY) {
    this.frames = frames;
    this.clearly = clearly;
    /** @type {string | null} */
    this.held = null;
    /** @type {string | null} */
    this.leader = null;
    this.led = 0;
  }

  /** A new sheet. */
  reset() {
    this.held = null;
    this.leader = null;
    this.led = 0;
  }

  /** Whether a clear leader waits for its turn. */
  get undecided() {
    return this.leader !== null;
  }

  /**
   * One more answer of the model.
   * @param {Record<string, number>} probabilities of the drawing, whatever was painted
   * @param {string | null} painted @returns {boolean} whether another category is held now
   */
  see(probabilities, painted) {
    if (this.held === null || !(this.held in probabilities)) {
      this.held = painted;
      this.leader = null;
      return false;
    }
    const [first, share] = Object.entries(probabilities).reduce((best, each) => (each[1] > best[1] ? each : best));
    if (first === this.held || share < probabilities[this.held] + this.clearly) {
      this.leader = null;
      this.led = 0;
      return false;
    }
    this.led = first === this.leader ? this.led + 1 : 1;
    this.leader = first;
    return this.led >= this.frames && this.settle();
  }

  /** The pen rests: a clear leader is painted at once. @returns {boolean} whether another category is held now */
  settle() {
    if (this.leader === null) return false;
    this.held = this.leader;
    this.leader = null;
    this.led = 0;
    return true;
  }
}

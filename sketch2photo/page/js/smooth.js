// Takes the tremble out of a line without making it lag.

/**
 * One Euro filter (Casiez, Roussel and Vogel 2012): a low pass whose cutoff rises with the pen's speed. A slow hand
 * trembles and is smoothed; a fast one does not, and would see the line trail behind.
 */
export class Smoother {
  /**
   * @param {number} slowest cutoff of a resting pen, in Hz
   * @param {number} speed how much of the pen's speed, in units a second, is added to the cutoff
   */
  constructor(slowest = 3, speed = 0.08) {
    this.slowest = slowest;
    this.speed = speed;
    /** @type {number[] | null} the last point as it was smoothed */
    this.point = null;
    this.velocity = [0, 0];
    this.time = 0;
  }

  /** A new stroke. @param {number[]} point @param {number} time in milliseconds */
  start(point, time) {
    this.point = point;
    this.velocity = [0, 0];
    this.time = time;
  }

  /** @param {number[]} point where the pen is @param {number} time in milliseconds @returns {number[]} where the line goes */
  next(point, time) {
    const last = this.point;
    if (!last) {
      this.start(point, time);
      return point;
    }
    // Coalesced events may share a time stamp; a millisecond is as short as any clock of a browser counts.
    const seconds = Math.max(time - this.time, 1) / 1000;
    this.time = Math.max(time, this.time);
    const follow = share(1, seconds);
    const smooth = last.map((from, i) => {
      this.velocity[i] += follow * ((point[i] - from) / seconds - this.velocity[i]);
      return from;
    });
    const cutoff = this.slowest + this.speed * Math.hypot(this.velocity[0], this.velocity[1]);
    const step = share(cutoff, seconds);
    this.point = smooth.map((from, i) => from + step * (point[i] - from));
    return this.point;
  }
}

/** How much of the way to a new value a low pass goes. @param {number} cutoff in Hz @param {number} seconds */
const share = (cutoff, seconds) => 1 / (1 + 1 / (2 * Math.PI * cutoff * seconds));

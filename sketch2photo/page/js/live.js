// Keeps the photo up with the drawing: one request on its way, the newest drawing next, patience when it fails.

/** Milliseconds between two requests while the pen moves: sixteen photos a second look alive, more only heat the server. */
const GAP = 60;
/** Milliseconds after which a request counts as lost. */
const LOST = 20000;
const FIRST_WAIT = 250;
const LONGEST_WAIT = 4000;

/**
 * @typedef {{seq: number, photo?: string | null, probabilities?: Record<string, number>, category?: string | null,
 *   colour?: string | null, status?: string, word?: string | null, ms?: number, people?: number, busy?: string, stale?: boolean, error?: string}} Reply
 * @typedef {"idle" | "busy" | "offline" | "error"} State
 */

export class Live {
  /**
   * @param {{
   *   ask: (seq: number) => Promise<Reply>,
   *   show: (reply: Reply, milliseconds: number) => void | Promise<void>,
   *   say: (state: State, sentence: string) => void,
   *   settle: () => void,
   * }} on  how to ask the server, show its answer, say what hinders, and notice that nothing is left to do
   * @param {number} [first] the questions' numbers begin after it
   */
  constructor(on, first = 0) {
    this.on = on;
    this.seq = first;
    /** The newest drawing on show, or given up: answers to older ones are dropped. */
    this.shown = first;
    this.wanted = false;
    this.patient = true;
    this.asking = false;
    this.wait = 0;
    this.last = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.alarm = undefined;
  }

  /** Whether the photo on show is of the drawing as it is. */
  get settled() {
    return !this.wanted && !this.asking;
  }

  /**
   * The drawing changed.
   * @param {boolean} patient while the pen moves, when the next change comes anyway; all else is asked for at once
   */
  want(patient = false) {
    this.patient = patient && (this.patient || !this.wanted);
    this.wanted = true;
    this.#pump();
  }

  /** Nothing is wanted any more, and answers on their way are of no use. */
  forget() {
    this.wanted = false;
    this.shown = this.seq;
  }

  /** The network is back: try at once. */
  retry() {
    this.wait = 0;
    this.last = 0;
    this.#pump();
  }

  async #pump() {
    if (this.asking || !this.wanted) return;
    const rest = Math.max(this.patient ? GAP : 0, this.wait) - (Date.now() - this.last);
    if (rest > 0) {
      clearTimeout(this.alarm);
      this.alarm = setTimeout(() => this.#pump(), rest);
      return;
    }
    this.asking = true;
    this.wanted = false;
    this.last = Date.now();
    const seq = ++this.seq;
    let lost;
    try {
      const silence = new Promise((_, fail) => {
        lost = setTimeout(() => fail(new Error("no answer")), LOST);
      });
      const reply = /** @type {Reply} */ (await Promise.race([this.on.ask(seq), silence]));
      await this.#take(reply, seq);
    } catch {
      this.#again("offline", "offline, retrying");
    }
    clearTimeout(lost);
    this.asking = false;
    if (this.settled) this.on.settle();
    this.#pump();
  }

  /** @param {Reply} reply @param {number} seq */
  async #take(reply, seq) {
    if (reply.busy) {
      this.#again("busy", reply.busy);
    } else if (reply.error) {
      // The same drawing would fail again; the next change asks anew, a little later.
      this.wait = FIRST_WAIT;
      this.on.say("error", reply.error);
    } else if (!reply.stale && seq > this.shown) {
      this.wait = 0;
      this.shown = seq;
      this.on.say("idle", "");
      await this.on.show(reply, Date.now() - this.last);
    }
  }

  /** @param {State} state @param {string} sentence */
  #again(state, sentence) {
    this.wait = Math.min(LONGEST_WAIT, (this.wait || FIRST_WAIT) * 2);
    if (this.seq > this.shown) this.wanted = true;
    this.on.say(state, sentence);
  }
}

// What is asked of the model and what it answered: the drawing goes out, the newest photo comes back.

import { known, unasked } from "./categories.js";
import { storages } from "./draft.js";
import { Hysteresis } from "./hysteresis.js";
import { Live } from "./live.js";
import { Unreadable } from "./readback.js";
import { Sheet } from "./sheet.js";
import { snapshot } from "./strokes.js";
import { words } from "./words.js";

/**
 * @typedef {import("./categories.js").Model} Model
 * @typedef {{category: string, colour: string, seed: number, ground: string}} Wish  what the person asks for; "" leaves it to the model
 * @typedef {{strokes: import("./strokes.js").Stroke[], picture: string, wish: Wish, model: Model}} Asked
 * @typedef {import("./live.js").Reply & Asked} Answer
 * @typedef {{
 *   live_predict: (request: object) => Promise<import("./live.js").Reply>,
 *   variations: (request: object) => Promise<import("./variations.js").Reply>,
 *   share?: (request: {address: string}) => Promise<import("./share.js").Invitation>,
 *   clean_picture: import("./import_picture.js").Clean,
 * }} Server
 */

/** Where the id lies while one page of a tab goes and the next one comes. */
const PERSON = "sketch2photo.person";

/**
 * A server function sees no session, and behind a share link all visitors have one address: so an id of our own. It
 * outlives a reload, or one person would count as two. A tab that was duplicated finds none, as it is two.
 */
function thisPerson() {
  const [storage] = storages();
  const found = storage?.getItem(PERSON) ?? "";
  const id = /^[0-9a-f]{24}$/.test(found) ? found : Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  storage?.removeItem(PERSON);
  window.addEventListener("pageshow", () => storage?.removeItem(PERSON));
  window.addEventListener("pagehide", () => {
    try {
      storage?.setItem(PERSON, id);
    } catch {
      // The storage is full: another id, then.
    }
  });
  return id;
}

/** Answers of nothing that the model can paint before a photo on show goes, while the pen moves. */
const STRANGE = 4;
const UNAUTHORIZED = 401;
/** How the server answers a call of none of its functions: it is there. */
const UNPROCESSABLE = 422;

export class Session {
  /**
   * @param {Server} server
   * @param {Model} model
   * @param {import("./strokes.js").Drawing} drawing
   * @param {Sheet} sheet
   * @param {import("./photo_view.js").PhotoView} photoView
   * @param {{moving: () => boolean, change: () => void, settle: () => void, touch: () => void}} on
   *   whether the drawing changes at this moment; something to be shown changed; the photo is of the drawing as it is; what a reload should bring back changed
   */
  constructor(server, model, drawing, sheet, photoView, on) {
    this.server = server;
    this.model = model;
    this.drawing = drawing;
    this.sheet = sheet;
    this.photoView = photoView;
    this.on = on;
    this.person = thisPerson();
    /** Later than those of the page before, which may still wait. */
    this.questions = Date.now();
    /** How many answers in a row were of nothing that the model can paint. */
    this.strange = 0;
    this.hysteresis = new Hysteresis();
    /** Whether photos follow the pen, or wait for the button. */
    this.alive = true;
    /** @type {Wish} */
    this.wish = { category: unasked(model), colour: "", seed: 0, ground: "" };
    /** @type {Asked} what was asked for last */
    this.asked = { strokes: [], picture: "", wish: this.wish, model };
    /** @type {Answer | null} the answer on show, and what it answers */
    this.answer = null;
    this.live = new Live({
      ask: (seq) => this.#ask(seq),
      show: (reply, milliseconds) => this.#show(reply, milliseconds),
      say: (state, sentence) => this.#say(state, sentence),
      settle: () => {
        photoView.root.dataset.settled = "true";
        photoView.announce();
        on.settle();
      },
    }, this.questions);
  }

  /** The category that is painted, or will be. */
  get category() {
    return this.wish.category || this.answer?.category || null;
  }

  /** What every question has. */
  get #look() {
    return { png: this.sheet.png(), ...this.#hints(this.sheet), ...this.#on(this.wish.ground), model: this.model.name ?? "", seed: this.wish.seed };
  }

  /** @param {string} ground */
  #on = (ground) => (this.model.paints_coverage ? { ground } : {});

  /** @param {Sheet} sheet */
  #hints = (sheet) => (this.model.takes_hints && sheet.hinted ? { hints: sheet.hintsPng() } : {});

  /** @param {number} seq @returns {Promise<import("./live.js").Reply>} */
  #ask(seq) {
    const { drawing, wish, model } = this;
    this.asked = { strokes: snapshot(drawing.strokes), picture: drawing.picture, wish: { ...wish }, model };
    const category = wish.category || (model.has_classifier && this.hysteresis.held) || "auto";
    return readable(async () => this.server.live_predict({ ...this.#look, person: this.person, seq, category, colour: wish.colour }));
  }

  /** Several looks of the drawing, in a place of the server's line that is not the photo's. @param {{seed: number}[]} wishes */
  async vary(wishes) {
    const reply = await readable(async () => this.#aside({ ...this.#look, category: this.answer?.category ?? "auto", wishes }));
    if (reply.error) this.photoView.say(reply.error);
    return reply;
  }

  /**
   * The photo of other strokes, in the category and colour of what is on show, and how likely each category is; null if
   * there is none.
   * @param {import("./strokes.js").Stroke[]} strokes @param {import("./share.js").Shown} of
   */
  async paint(strokes, { picture, category, colour, wish: { seed, ground = "" } }) {
    const sheet = new Sheet(/** @type {HTMLCanvasElement} */ (this.sheet.canvas.cloneNode()));
    await sheet.load(picture);
    sheet.repaint(strokes, picture);
    const wishes = [{ category: category || "auto", colour: colour ?? "", seed }];
    const reply = await this.#aside({ ...this.#look, png: sheet.png(), hints: "", ...this.#hints(sheet), ...this.#on(ground), wishes });
    const photo = reply.variations?.[0]?.photo;
    return photo ? { photo, probabilities: reply.probabilities ?? {} } : null;
  }

  /** The drawing on show with its photo; before there is one, the drawing alone. @returns {import("./share.js").Shown} */
  shown() {
    const { answer, drawing, model } = this;
    const { strokes, picture, wish } = answer ?? { strokes: drawing.strokes, picture: drawing.picture, wish: this.wish };
    const { photo, category = null, colour = null, probabilities = {} } = answer ?? {};
    return { strokes, picture, wish: { ...wish, model: model.name ?? "" }, photo: photo ?? "", category, colour, probabilities };
  }

  /** @param {object} request */
  #aside(request) {
    this.questions += 1;
    return this.server.variations({ ...request, person: this.person, seq: this.questions });
  }

  /** @param {import("./live.js").State} state @param {string} sentence */
  #say(state, sentence) {
    this.photoView.root.dataset.state = state;
    // What the server says of a refused request is in its own words.
    this.photoView.say(state === "busy" || state === "offline" ? words[state] : sentence);
    if (state === "offline") this.#diagnose();
  }

  /** No answer may also mean that the sign-in ran out, as after a restart, or that a proxy has lost its way. */
  async #diagnose() {
    const { root, api_prefix: prefix } = /** @type {any} */ (window).gradio_config ?? {};
    const call = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    const { status } = (await fetch(`${root ?? "."}${prefix ?? ""}/component_server/`, call).catch(() => null)) ?? { status: 0 };
    if (this.photoView.root.dataset.state !== "offline" || status < 400 || status === UNPROCESSABLE) return;
    this.photoView.say(status === UNAUTHORIZED ? words.signIn : words.refused(status));
  }

  /** @param {import("./live.js").Reply} reply @param {number} milliseconds */
  async #show(reply, milliseconds) {
    const { drawing, photoView, asked } = this;
    // The answer of a model that is no longer at hand; the one that is has been asked by now.
    if (drawing.blank || asked.model !== this.model) return;
    if (!reply.photo || reply.status === "empty") {
      this.blank();
      return;
    }
    const painted = reply.category ?? null;
    // A drawing that is on its way looks like this and that.
    this.strange = reply.status === "none" && !asked.wish.category ? this.strange + 1 : 0;
    const declined = this.strange > 0 && (!this.on.moving() || this.strange >= STRANGE || !this.answer?.photo);
    if (declined) photoView.decline(reply.word ?? null, painted, this.sheet.canvas);
    else await photoView.show(reply.photo);
    if (drawing.blank || asked.model !== this.model) return;
    this.answer = { ...reply, ...asked, photo: declined ? "" : reply.photo };
    const chosen = asked.wish.category !== unasked(this.model);
    photoView.describe(/** @type {any} */ (reply.status), this.answer, chosen, milliseconds);
    this.#follow(reply.probabilities ?? {}, painted);
    this.on.change();
  }

  /** Hold the category or let another take over. @param {Record<string, number>} probabilities @param {string | null} painted */
  #follow(probabilities, painted) {
    if (this.wish.category || !this.model.has_classifier) return;
    let changed = this.hysteresis.see(probabilities, painted);
    if (!this.on.moving()) changed = this.hysteresis.settle() || changed;
    // A pen that stands still sends no frames: go on until the new leader is certain.
    if (changed || this.hysteresis.undecided) this.want();
  }

  /** A photo of the drawing as it is. @param {boolean} patient while the drawing changes anyway */
  want(patient = this.on.moving()) {
    this.photoView.root.dataset.settled = "false";
    this.live.want(patient);
  }

  /** The drawing changed; a photo follows if the page is live. */
  changed() {
    if (this.drawing.blank) this.blank();
    else if (this.alive) this.want();
    this.on.touch();
    this.on.change();
  }

  /** The pen was lifted: what led is painted, with nothing to wait for. */
  rest() {
    if (!this.wish.category) this.hysteresis.settle();
    this.changed();
  }

  /** Nothing is drawn, and nothing is on show. */
  blank() {
    const { photoView } = this;
    this.live.forget();
    this.hysteresis.reset();
    this.answer = null;
    this.strange = 0;
    photoView.root.dataset.settled = "true";
    photoView.root.dataset.state = "idle";
    photoView.say("");
    photoView.clear();
    this.on.change();
  }

  /** @param {Partial<Wish>} change */
  wishFor(change) {
    Object.assign(this.wish, change);
    // Asked for by hand, so it is painted even if the page is not live.
    if (!this.drawing.blank) this.want();
    this.on.touch();
    this.on.change();
  }

  /** @param {string} category "" for the model's choice */
  choose(category) {
    this.hysteresis.reset();
    this.wishFor({ category });
  }

  /** Another model, of what may be other categories. @param {Model} model */
  use(model) {
    this.model = model;
    this.answer = null;
    if (!this.drawing.blank) this.photoView.say(words.opening);
    this.choose(known(model, this.wish.category));
  }
}

/** The reply, or why there is none where the browser lets no page read its canvas. @template T @param {() => Promise<T>} ask @returns {Promise<T>} */
const readable = (ask) =>
  ask().catch((error) => {
    if (error instanceof Unreadable) return /** @type {any} */ ({ error: words.unreadable });
    throw error;
  });

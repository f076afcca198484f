// Puts the page together: pen -> drawing -> sheet -> server -> photo and bars.

import { Bars } from "./bars.js";
import { Calm } from "./calm.js";
import { Colours } from "./colours.js";
import { showRing } from "./cursor.js";
import { DraftKeeper, storages } from "./draft.js";
import { keeping } from "./keep.js";
import { listKeys, listenForKeys } from "./keys.js";
import { Live } from "./live.js";
import { followPen } from "./pen.js";
import { Print } from "./print.js";
import { Sheet } from "./sheet.js";
import { Starters } from "./starters.js";
import { Drawing, snapshot } from "./strokes.js";
import { Unfolding } from "./unfold.js";
import { fill, words } from "./words.js";

/** An eraser as thin as the pen would take for ever. */
const ERASER = 4;

/**
 * @typedef {{categories: string[], palette: Record<string, string[]>, has_classifier: boolean}} Model
 * @param {HTMLElement} element the root of canvas.html
 * @param {Model} model
 * @param {{live_predict: (request: object) => Promise<import("./live.js").Reply>}} server
 */
export function start(element, model, server) {
  /** @type {(name: string) => any} */
  const find = (name) => element.querySelector(`[data-testid="${name}"]`);
  const root = /** @type {HTMLElement} */ (element.querySelector(".s2p"));
  const help = /** @type {HTMLDialogElement} */ (find("shortcuts"));
  fill(root);
  listKeys(/** @type {HTMLElement} */ (help.querySelector("dl")));

  // A server function sees no session, and behind a share link all visitors have one address: so an id of our own.
  const person = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const drawing = new Drawing();
  const calm = new Calm();
  const sheet = new Sheet(find("sketch"));
  const print = new Print(root);
  const bars = new Bars(find("bars"), model.categories, (category) => choose(category === wish.category ? auto : category));
  const colours = new Colours(find("colour"), model.palette, (colour) => wishFor({ colour }));

  // Without a classifier nothing can be guessed: somebody has to say what it is, and the first category is as good.
  const auto = model.has_classifier || model.categories.length < 2 ? "" : model.categories[0];
  /** What the person asks for; "" leaves it to the model. */
  const wish = { category: auto, colour: "", seed: 0 };
  /** What was asked for last. @type {{strokes: import("./strokes.js").Stroke[], picture: string, wish: typeof wish}} */
  let asked = { strokes: [], picture: "", wish };
  /** The answer on show, and what it answers. @type {(import("./live.js").Reply & typeof asked) | null} */
  let answer = null;
  let eraser = false;
  let alive = true;

  const unfolding = new Unfolding();
  const starters = new Starters(find("examples").querySelector(".row"), /** @type {HTMLElement} */ (root.querySelector(".faint")), model.categories, begin);
  const draft = new DraftKeeper(() => ({ strokes: drawing.strokes, picture: drawing.picture, wish }), storages());
  const live = new Live({
    ask: (seq) => {
      asked = { strokes: snapshot(drawing.strokes), picture: drawing.picture, wish: { ...wish } };
      return server.live_predict({
        person,
        seq,
        png: sheet.png(),
        category: wish.category || (model.has_classifier && calm.held) || "auto",
        colour: wish.colour,
        seed: wish.seed,
      });
    },
    show,
    say: (state, sentence) => {
      root.dataset.state = state;
      // What the server says of a refused request is in its own words.
      print.say(state === "busy" || state === "offline" ? words[state] : sentence);
    },
    settle: () => {
      root.dataset.settled = "true";
      print.announce();
    },
  });

  /** @param {import("./live.js").Reply} reply @param {number} milliseconds */
  async function show(reply, milliseconds) {
    if (drawing.blank) return;
    if (!reply.photo || reply.status === "empty") {
      blank();
      return;
    }
    const of = asked;
    await print.show(reply.photo);
    if (drawing.blank) return;
    answer = { ...reply, ...of };
    const painted = reply.category ?? null;
    print.describe(/** @type {any} */ (reply.status), painted, of.wish.category !== auto, milliseconds);
    follow(reply.probabilities ?? {}, painted);
    refresh();
  }

  /** Hold the category or let another take over. @param {Record<string, number>} probabilities @param {string | null} painted */
  function follow(probabilities, painted) {
    if (wish.category || !model.has_classifier) return;
    let changed = calm.see(probabilities, painted);
    if (!moving()) changed = calm.settle() || changed;
    // A pen that stands still sends no frames: go on until the new leader is certain.
    if (changed || calm.undecided) want();
  }

  const moving = () => Boolean(drawing.current) || unfolding.running;

  /** @param {boolean} patient */
  function want(patient = moving()) {
    root.dataset.settled = "false";
    live.want(patient);
  }

  /** The drawing changed; a photo follows if the page is live. */
  function changed() {
    if (drawing.blank) blank();
    else if (alive) want();
    draft.touch();
    refresh();
  }

  function blank() {
    live.forget();
    calm.reset();
    answer = null;
    root.dataset.settled = "true";
    root.dataset.state = "idle";
    print.say("");
    print.clear();
    refresh();
  }

  /** @param {Partial<typeof wish>} change */
  function wishFor(change) {
    Object.assign(wish, change);
    // Asked for by hand, so it is painted even if the page is not live.
    if (!drawing.blank) want();
    draft.touch();
    refresh();
  }

  /** @param {string} category or `auto` */
  function choose(category) {
    calm.reset();
    wishFor({ category });
  }

  function refresh() {
    const painted = wish.category || answer?.category || null;
    bars.show(answer?.probabilities ?? {}, painted, wish.category || null);
    colours.show(painted, wish.colour, answer?.colour ?? null);
    find("pen").setAttribute("aria-pressed", String(!eraser));
    find("eraser").setAttribute("aria-pressed", String(eraser));
    find("undo").disabled = !drawing.canUndo;
    find("redo").disabled = !drawing.canRedo;
    find("clear").disabled = !drawing.strokes.length && !drawing.picture;
    keeper.refresh();
    find("paint").disabled = drawing.blank;
    find("live").setAttribute("aria-checked", String(alive));
    find("category").value = wish.category || "auto";
    root.dataset.blank = String(find("clear").disabled);
    starters.hint(root.dataset.blank === "true");
  }

  /** Undo, redo and clear repaint the sheet; not while the pen is on it. @param {() => boolean} step */
  function revise(step) {
    if (drawing.current) return;
    unfolding.finish();
    if (!step()) return;
    calm.reset();
    sheet.repaint(drawing.strokes, drawing.picture);
    changed();
  }

  /** A new sheet on which strokes appear one after the other, while the photo follows. @param {import("./strokes.js").Stroke[]} strokes */
  function begin(strokes) {
    if (drawing.current) return;
    unfolding.finish();
    drawing.begins(strokes);
    calm.reset();
    unfolding.start(strokes, (begun) => {
      sheet.repaint(begun);
      changed();
    });
  }

  /** The drawing that this browser kept, with what was asked for. */
  async function restore() {
    const kept = draft.load();
    if (!kept?.strokes.length && !kept?.picture) return;
    const { category, colour, seed } = kept.wish;
    if (model.categories.includes(/** @type {string} */ (category))) wish.category = /** @type {string} */ (category);
    if (/^#[0-9a-f]{6}$/.test(String(colour))) wish.colour = /** @type {string} */ (colour);
    if (Number.isInteger(seed)) wish.seed = /** @type {number} */ (seed);
    try {
      await sheet.load(kept.picture);
    } catch {
      kept.picture = "";
    }
    // Somebody may have been faster than the picture.
    if (drawing.done.length || drawing.current) return;
    drawing.restore(kept.strokes, kept.picture);
    revise(() => true);
  }

  const keeper = keeping({
    find,
    drawing,
    sheet,
    wish,
    answer: () => answer,
    known: (category) => (model.categories.includes(category) ? category : auto),
    put: () => {
      revise(() => true);
      wishFor({});
    },
    // A place of its own in the server's line: it must not take the drawing's.
    ask: (request) => server.live_predict({ person: `${person}-more`, ...request }),
    say: (sentence) => print.say(sentence),
  });

  /** @param {boolean} rubber */
  function hold(rubber) {
    eraser = rubber;
    cursor();
    refresh();
  }

  const width = (rubber = eraser) => Number(find("size").value) * (rubber ? ERASER : 1);

  const cursor = () => showRing(find("sketch"), width());

  /** @param {number} by */
  function resize(by) {
    const size = find("size");
    size.value = String(Number(size.value) + by);
    cursor();
  }

  /** @type {Record<string, () => void>} */
  const actions = {
    pen: () => hold(false),
    eraser: () => hold(true),
    smaller: () => resize(-1),
    larger: () => resize(1),
    undo: () => revise(() => drawing.undo()),
    redo: () => revise(() => drawing.redo()),
    clear: () => revise(() => drawing.clear()),
    surprise: () => starters.size && starters.surprise(),
    live: () => {
      alive = !alive;
      changed();
    },
    paint: () => wishFor({}),
    auto: () => choose(auto),
    // The next seed is the next colour of the palette, so a chosen colour has to go.
    dice: () => wishFor({ seed: wish.seed + 1, colour: "" }),
    download: () => {
      if (answer) print.save(`sketch2photo-${answer.category ?? "photo"}.png`);
    },
    ...keeper.actions,
    help: () => help.showModal(),
  };

  followPen(find("sketch"), {
    start: (point, rubber) => {
      unfolding.finish();
      sheet.grow(drawing.begin(point, width(eraser || rubber), eraser || rubber));
      changed();
    },
    move: (points) => {
      const stroke = drawing.current;
      if (!stroke || !points.map((point) => drawing.extend(point)).some(Boolean)) return;
      sheet.grow(stroke);
      changed();
    },
    end: () => {
      const stroke = drawing.current;
      if (!stroke) return;
      sheet.finish(stroke);
      drawing.end();
      if (!wish.category) calm.settle();
      changed();
    },
    drop: () => {
      drawing.drop();
      revise(() => true);
    },
  });

  for (const name of ["pen", "eraser", "undo", "redo", "surprise", "clear", "live", "paint", "dice", "download", "keep", "save", "help"]) {
    find(name).addEventListener("click", () => actions[name]());
  }
  // Gradio shows its API view when its own footer is clicked, which canvas.css hides.
  const api = () => /** @type {HTMLElement | null} */ (document.querySelector("footer .show-api"));
  find("api").addEventListener("click", () => api()?.click());
  find("shelved").addEventListener("click", actions.gallery);
  find("size").addEventListener("input", cursor);
  for (const category of model.categories) find("category").add(new Option(words.spoken(category), category));
  find("category").addEventListener("change", () => choose(find("category").value.replace(/^auto$/, "")));
  listenForKeys(root, actions);
  window.addEventListener("online", () => live.retry());
  window.addEventListener("resize", cursor);
  window.addEventListener("pagehide", () => draft.flush());

  find("hint").textContent = words.hint(model.categories);
  find("knows").textContent = starters.size ? "" : words.knows(model.categories);
  find("examples").hidden = find("surprise").hidden = !starters.size;
  find("bars").hidden = !model.has_classifier;
  if (auto) find("category").remove(0);
  find("category").disabled = model.categories.length < 2;
  blank();
  cursor();
  restore().then(keeper.openLink);
  root.dataset.ready = "true";
}

// Puts the page together: pen -> drawing -> sheet -> server -> photo and bars.

import { Bars, known, offerCategories, offerModels, unasked, varies } from "./categories.js";
import { Colours, Inks } from "./colours.js";
import { DraftKeeper, storages } from "./draft.js";
import { Starters, StrokeAnimation } from "./examples.js";
import { Gallery } from "./gallery.js";
import { Grounds, isGround } from "./grounds.js";
import { PictureImport } from "./import_picture.js";
import { listKeys, listenForKeys } from "./keys.js";
import { fromFragment } from "./link.js";
import { followPen, showRing } from "./pen.js";
import { Large, Overlay, PhotoView } from "./photo_view.js";
import { photoFile } from "./pictures.js";
import { Session } from "./session.js";
import { Saving, ending, offerInvitation, save, whyNot } from "./share.js";
import { Sheet } from "./sheet.js";
import { Drawing } from "./strokes.js";
import { Variations } from "./variations.js";
import { fill, words } from "./words.js";

/** An eraser or a brush of colour as thin as the pen would take for ever. */
const BROAD = 4;

/**
 * @typedef {import("./categories.js").Model} Model
 * @param {HTMLElement} element the root of canvas.html
 * @param {{model: Model, models?: Model[]}} props the model at hand, and all that there are
 * @param {import("./session.js").Server} server
 */
export function start(element, props, server) {
  /** @type {(name: string) => any} */
  const find = (name) => element.querySelector(`[data-testid="${name}"]`);
  const root = /** @type {HTMLElement} */ (element.querySelector(".s2p"));
  const help = /** @type {HTMLDialogElement} */ (find("shortcuts"));
  fill(root);
  listKeys(/** @type {HTMLElement} */ (help.querySelector("dl")));

  const models = props.models ?? [props.model];
  const drawing = new Drawing();
  const sheet = new Sheet(find("sketch"), find("hints"));
  const photoView = new PhotoView(root);
  const animation = new StrokeAnimation();
  const session = new Session(server, props.model, drawing, sheet, photoView, {
    moving: () => Boolean(drawing.current) || animation.running,
    change: refresh,
    settle: () => variations.refresh(),
    touch: () => draft.touch(),
  });
  const { wish } = session;
  const overlay = new Overlay(find("over"), find("overlay"), find("sketch"));
  const bars = new Bars(find("bars"), find("likeliest"), (category) => session.choose(category === wish.category ? unasked(session.model) : category));
  const colours = new Colours(find("colour"), (colour) => session.wishFor({ colour }));
  const grounds = new Grounds(find("grounds"), (ground) => session.wishFor({ ground }));
  const starters = new Starters(find("examples").querySelector(".row"), /** @type {HTMLElement} */ (root.querySelector(".faint")), begin);
  const draft = new DraftKeeper(() => ({ strokes: drawing.strokes, picture: drawing.picture, wish: { ...wish, model: session.model.name } }), storages());
  const variations = new Variations(find("variations"), {
    seed: () => wish.seed,
    ask: (seeds) => session.vary(seeds.map((seed) => ({ seed }))),
    // A seed chooses among the category's colours, so a chosen colour has to go.
    take: (seed) => session.wishFor({ seed, colour: "" }),
    changed: refresh,
  });
  const saving = new Saving(find("saving"), () => session.shown(), (strokes, of) => session.paint(strokes, of));
  const gallery = new Gallery(find("gallery"), open, (count) => {
    find("kept-count").textContent = count ? String(count) : "";
  });
  /** The photo that was kept last. */
  let kept = "";
  /** @type {"pen" | "eraser" | "brush"} */
  let tool = "pen";
  const inks = new Inks(find("inks"));

  function refresh() {
    const { answer, category } = session;
    const painted = Boolean(answer?.photo);
    if (!painted) variations.close();
    bars.show(answer?.probabilities ?? {}, category, wish.category || null);
    colours.show(category, wish.colour, answer?.colour ?? null);
    grounds.show(wish.ground);
    root.dataset.ground = wish.ground;
    for (const name of ["pen", "eraser", "brush"]) find(name).setAttribute("aria-pressed", String(name === tool));
    inks.place.hidden = tool !== "brush";
    find("undo").disabled = !drawing.canUndo && !drawing.current;
    find("redo").disabled = !drawing.canRedo;
    find("clear").disabled = !drawing.strokes.length && !drawing.picture;
    find("paint").disabled = drawing.blank;
    for (const name of ["vary", "keep", "download", "enlarge"]) find(name).disabled = !painted;
    find("keep").setAttribute("aria-pressed", String(painted && answer?.photo === kept));
    find("save").disabled = drawing.blank;
    find("vary").setAttribute("aria-expanded", String(variations.open));
    find("seed").value = String(wish.seed);
    find("live").setAttribute("aria-checked", String(session.alive));
    find("category").value = wish.category || "auto";
    root.dataset.blank = String(find("clear").disabled);
    starters.hint(root.dataset.blank === "true");
    if (root.dataset.blank === "false") find("last").hidden = true;
    overlay.touch();
  }

  /** The categories and colours of a model. @param {Model} model */
  function offer(model) {
    bars.offer(model.categories);
    colours.offer(model.palette);
    starters.offer(model.categories);
    offerCategories(find("category"), model);
    find("bars").hidden = !model.has_classifier;
    find("brush").hidden = !model.takes_hints;
    grounds.place.hidden = !model.paints_coverage;
    if (tool === "brush" && !model.takes_hints) hold("pen");
    find("variation").hidden = !varies(model);
    find("examples").hidden = find("surprise").hidden = !starters.size;
    find("hint").textContent = words.hint(model.categories);
    find("knows").textContent = starters.size ? "" : words.knows(model.categories);
    find("model").value = model.name;
    find("latency").title = words.device(model.device ?? "");
  }

  /** @param {Model} model */
  function use(model) {
    offer(model);
    session.use(model);
  }

  /** The model of this name, if there is one. @param {unknown} name */
  function pick(name) {
    const other = models.find((model) => model.name === name);
    if (other && other !== session.model) use(other);
  }

  /** Undo, redo and clear repaint the sheet; a stroke that is being drawn ends. @param {() => boolean} step */
  function revise(step) {
    lift();
    animation.finish();
    if (!step()) return;
    session.hysteresis.reset();
    sheet.repaint(drawing.strokes, drawing.picture);
    session.changed();
  }

  /** A new sheet on which strokes appear one after the other, while the photo follows. @param {import("./strokes.js").Stroke[]} strokes */
  function begin(strokes) {
    lift();
    animation.finish();
    drawing.begins(strokes);
    session.hysteresis.reset();
    animation.start(strokes, (begun) => {
      sheet.repaint(begun);
      session.changed();
    });
  }

  const large = new Large(find("large"));
  find("nearest").addEventListener("click", () => session.choose(session.answer?.category ?? ""));
  // On a phone the things to start from lie beside the photo's place, where they are seen.
  const narrow = window.matchMedia("(max-width: 1100px) and (orientation: portrait)");
  const shelve = () => /** @type {HTMLElement} */ (root.querySelector(narrow.matches ? ".beside" : ".shelf")).append(find("examples"));
  narrow.addEventListener("change", shelve);
  shelve();

  const pictureImport = new PictureImport(root, find("importing"), (request) => server.clean_picture(request), async (picture) => {
    await sheet.load(picture);
    revise(() => drawing.begins([], picture));
  });

  /** Another drawing on the sheet; undo brings back the one before. @param {Pick<import("./share.js").Shown, "strokes" | "picture" | "wish">} other */
  async function open({ strokes, picture, wish: { category, colour, seed, model, ground = "" } }) {
    const under = await sheet.load(picture).then(() => picture, () => "");
    lift();
    pick(model);
    Object.assign(wish, { category: known(session.model, category), colour, seed, ground });
    drawing.begins(strokes, under);
    revise(() => true);
    session.wishFor({});
  }

  /** The drawing in the address, if there is one; it leaves the address, or each reload would bring it back. */
  async function openLink() {
    if (!location.hash.includes("sketch=")) return;
    const linked = await fromFragment(location.hash);
    history.replaceState(history.state, "", location.href.split("#")[0]);
    if (linked?.strokes.length) await open({ ...linked, picture: "" });
    else photoView.say(words.brokenLink);
  }

  /** What is on show, into the gallery. */
  async function keep() {
    const pair = session.shown();
    if (!pair.photo || pair.photo === kept) return;
    photoView.hush();
    try {
      await gallery.keep(pair);
      kept = pair.photo;
      refresh();
    } catch {
      photoView.say(words.cannotKeep);
    }
  }

  /** After a reload the drawing is as it was. A new tab or visit is blank, and offers what was drawn last. */
  async function restore() {
    const { own, last } = draft.load();
    if (own) await take(own);
    else find("last").hidden = !last;
    if (last) find("last").addEventListener("click", () => take(last));
  }

  /** A drawing that this browser kept, with what was asked for. @param {import("./draft.js").Draft} kept */
  async function take(kept) {
    const { category, colour, seed, model, ground } = kept.wish;
    pick(model);
    wish.category = known(session.model, String(category));
    if (/^#[0-9a-f]{6}$/.test(String(colour))) wish.colour = /** @type {string} */ (colour);
    if (Number.isInteger(seed)) wish.seed = /** @type {number} */ (seed);
    if (isGround(ground)) wish.ground = /** @type {string} */ (ground);
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

  /** @param {typeof tool} next */
  function hold(next) {
    tool = next;
    cursor();
    refresh();
  }

  const width = (held = tool) => Number(find("size").value) * (held === "pen" ? 1 : BROAD);

  const cursor = () => showRing(find("sketch"), width());

  /** @param {number} by */
  function resize(by) {
    const size = find("size");
    size.value = String(Number(size.value) + by);
    cursor();
  }

  /** @type {Record<string, () => void>} */
  const actions = {
    pen: () => hold("pen"),
    eraser: () => hold("eraser"),
    brush: () => session.model.takes_hints && hold("brush"),
    smaller: () => resize(-1),
    larger: () => resize(1),
    undo: () => revise(() => drawing.undo()),
    redo: () => revise(() => drawing.redo()),
    clear: () => revise(() => drawing.clear()),
    import: () => pictureImport.ask(),
    surprise: () => starters.size && starters.surprise(),
    live: () => {
      session.alive = !session.alive;
      session.changed();
    },
    paint: () => session.wishFor({}),
    auto: () => session.choose(unasked(session.model)),
    dice: () => session.wishFor({ seed: wish.seed + 1, colour: "" }),
    vary: () => {
      if (session.answer?.photo && varies(session.model)) variations.next();
    },
    enlarge: () => {
      const { photo } = photoView;
      if (photo.src) large.open(photo.src, photo.alt);
    },
    close: () => {
      variations.close();
      bars.open(false);
    },
    overlay: () => overlay.toggle(),
    download: async () => {
      const { answer, category } = session;
      if (!answer?.photo) return;
      photoView.hush();
      await photoFile(answer.photo).then(
        (file) => save(file, `sketch2photo-${category ?? "photo"}.${ending(file)}`),
        (error) => photoView.say(whyNot(error)),
      );
    },
    keep,
    save: () => saving.open(),
    gallery: () => gallery.open(),
    help: () => help.showModal(),
  };

  const lift = followPen(find("sketch"), {
    start: (point, rubber) => {
      animation.finish();
      const held = rubber ? "eraser" : tool;
      const look = { erase: held === "eraser", width: width(held), ...(held === "brush" ? { colour: inks.colour } : {}) };
      sheet.grow(drawing.begin(point, look));
      session.changed();
    },
    move: (points) => {
      const stroke = drawing.current;
      if (!stroke || !points.map((point) => drawing.extend(point)).some(Boolean)) return;
      sheet.grow(stroke);
      session.changed();
    },
    end: () => {
      const stroke = drawing.current;
      if (!stroke) return;
      sheet.finish(stroke);
      drawing.end();
      session.rest();
    },
    drop: () => {
      drawing.drop();
      revise(() => true);
    },
  });

  for (const name of ["pen", "eraser", "brush", "undo", "redo", "import", "surprise", "clear", "live", "paint", "dice", "vary", "download", "enlarge", "keep", "save", "help"]) {
    find(name).addEventListener("click", () => actions[name]());
  }
  // Gradio shows its API view when its own footer is clicked, which canvas.css hides.
  const api = () => /** @type {HTMLElement | null} */ (document.querySelector("footer .show-api"));
  find("api").addEventListener("click", () => api()?.click());
  find("shelved").addEventListener("click", actions.gallery);
  find("size").addEventListener("input", cursor);
  find("category").addEventListener("change", () => session.choose(find("category").value.replace(/^auto$/, "")));
  // Who has picked from a list goes on drawing: the next letter is a shortcut, and no other choice.
  for (const list of [find("category"), find("model"), find("ground")]) {
    let picked = false;
    list.addEventListener("pointerdown", () => (picked = true));
    list.addEventListener("keydown", () => (picked = false));
    list.addEventListener("change", () => picked && find("sketch").focus({ preventScroll: true }));
  }
  listenForKeys(root, actions);
  find("seed").addEventListener("change", () => {
    const { value } = find("seed");
    const seed = Number(value);
    if (value && Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31) session.wishFor({ seed, colour: "" });
    else refresh();
  });
  window.addEventListener("online", () => session.live.retry());
  window.addEventListener("resize", cursor);
  window.addEventListener("pagehide", () => draft.flush());

  window.addEventListener("hashchange", openLink);
  // A click beside a sheet closes it.
  for (const dialog of [find("saving"), find("gallery")]) {
    dialog.addEventListener("click", (/** @type {MouseEvent} */ event) => event.target === dialog && dialog.close());
  }

  offerInvitation(find, server);
  offerModels(find("model"), models, use);
  offer(props.model);
  session.blank();
  cursor();
  restore().then(openLink);
  root.dataset.ready = "true";
}

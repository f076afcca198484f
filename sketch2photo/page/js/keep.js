// What is on show, kept in this browser, handed on, and opened again from the gallery or a link.

import { known } from "./choices.js";
import { Gallery } from "./gallery.js";
import { fromFragment } from "./link.js";
import { Saving } from "./saving.js";
import { Sheet } from "./sheet.js";
import { words } from "./words.js";

/**
 * @typedef {import("./saving.js").Shown} Shown
 * @param {{find: (name: string) => any, session: import("./session.js").Session, model: (name: string) => void, put: () => void}} page
 *   its elements by name; what is drawn, asked and answered; how to take another model; what to do once another drawing
 *   is on the sheet
 */
export function keeping({ find, session, model: choose, put }) {
  const { drawing, sheet, wish, print } = session;
  /** The photo that was kept last. */
  let kept = "";

  /** The drawing on show with its photo; before there is one, the drawing alone. @returns {Shown} */
  function shown() {
    const { answer, model } = session;
    const { strokes, picture, wish: of } = answer ?? { strokes: drawing.strokes, picture: drawing.picture, wish };
    const { photo, category, colour } = answer ?? {};
    return { strokes, picture, wish: { ...of, model: model.name ?? "" }, photo: photo ?? "", category: category ?? null, colour: colour ?? null };
  }

  /** Another drawing on the sheet; undo brings back the one before. @param {Pick<Shown, "strokes" | "picture" | "wish">} other */
  async function open({ strokes, picture, wish: { category, colour, seed, model } }) {
    const under = await sheet.load(picture).then(() => picture, () => "");
    if (drawing.current) return;
    choose(model);
    Object.assign(wish, { category: known(session.model, category), colour, seed });
    drawing.begins(strokes, under);
    put();
  }

  /** The photo of other strokes, as what is on show. @param {import("./strokes.js").Stroke[]} strokes @param {Shown} of */
  async function paint(strokes, { picture, category, colour, wish: { seed } }) {
    const other = new Sheet(/** @type {HTMLCanvasElement} */ (sheet.canvas.cloneNode()));
    await other.load(picture);
    other.repaint(strokes, picture);
    return session.other(other.png(), { category: category ?? "", colour: colour ?? "", seed });
  }

  const saving = new Saving(find("saving"), shown, paint);
  const gallery = new Gallery(find("gallery"), open, (count) => {
    find("kept-count").textContent = count ? String(count) : "";
  });

  /** What can be done with what is on show. */
  function refresh() {
    const photo = session.answer?.photo ?? "";
    find("download").disabled = !photo;
    find("keep").disabled = !photo;
    find("keep").setAttribute("aria-pressed", String(Boolean(photo) && photo === kept));
    find("save").disabled = drawing.blank;
  }

  async function keep() {
    const pair = shown();
    if (!pair.photo || pair.photo === kept) return;
    try {
      await gallery.keep(pair);
      kept = pair.photo;
      refresh();
    } catch {
      print.say(words.cannotKeep);
    }
  }

  /** The drawing in the address, if there is one; it leaves the address, or each reload would bring it back. */
  function openLink() {
    if (!location.hash.includes("sketch=")) return;
    const linked = fromFragment(location.hash);
    history.replaceState(history.state, "", location.href.split("#")[0]);
    if (linked?.strokes.length) open({ ...linked, picture: "" });
    else print.say(words.brokenLink);
  }

  window.addEventListener("hashchange", openLink);
  // A click beside a sheet closes it.
  for (const dialog of [find("saving"), find("gallery")]) {
    dialog.addEventListener("click", (/** @type {MouseEvent} */ event) => event.target === dialog && dialog.close());
  }
  return { refresh, openLink, actions: { keep, save: () => saving.open(), gallery: () => gallery.open() } };
}

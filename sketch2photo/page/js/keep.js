// What is on show, kept in this browser, handed on, and opened again from the gallery or a link.

import { Gallery } from "./gallery.js";
import { fromFragment } from "./link.js";
import { Saving } from "./saving.js";
import { Sheet } from "./sheet.js";
import { words } from "./words.js";

/**
 * @typedef {import("./saving.js").Shown} Shown
 * @typedef {import("./live.js").Reply & {strokes: import("./strokes.js").Stroke[], picture: string, wish: Wish}} Answer
 * @typedef {{category: string, colour: string, seed: number}} Wish
 * @param {{
 *   find: (name: string) => any,
 *   drawing: import("./strokes.js").Drawing,
 *   sheet: import("./sheet.js").Sheet,
 *   wish: Wish,
 *   answer: () => Answer | null,
 *   known: (category: string) => string,
 *   put: () => void,
 *   ask: (request: object) => Promise<import("./live.js").Reply>,
 *   say: (sentence: string) => void,
 * }} page  its elements by name; what is drawn, asked for and answered; the category to ask for if one is not known;
 *   what to do once another drawing is on the sheet; the server; where to say what went wrong
 */
export function keeping({ find, drawing, sheet, wish, answer, known, put, ask, say }) {
  /** The photo that was kept last. */
  let kept = "";
  let asked = 0;

  /** The drawing on show with its photo; before there is one, the drawing alone. @returns {Shown} */
  function shown() {
    const now = answer();
    const { strokes, picture, wish: of } = now ?? { strokes: drawing.strokes, picture: drawing.picture, wish };
    return { strokes, picture, wish: { ...of, model: "" }, photo: now?.photo ?? "", category: now?.category ?? null, colour: now?.colour ?? null };
  }

  /** Another drawing on the sheet; undo brings back the one before. @param {Pick<Shown, "strokes" | "picture" | "wish">} other */
  async function open({ strokes, picture, wish: { category, colour, seed } }) {
    const under = await sheet.load(picture).then(() => picture, () => "");
    if (drawing.current) return;
    Object.assign(wish, { category: known(category), colour, seed });
    drawing.begins(strokes, under);
    put();
  }

  /** The photo of other strokes, as what is on show. @param {import("./strokes.js").Stroke[]} strokes @param {Shown} of */
  async function paint(strokes, { picture, category, colour, wish: { seed } }) {
    const other = new Sheet(/** @type {HTMLCanvasElement} */ (sheet.canvas.cloneNode()));
    await other.load(picture);
    other.repaint(strokes, picture);
    asked += 1;
    return (await ask({ seq: asked, png: other.png(), category: category ?? "auto", colour: colour ?? "", seed })).photo ?? null;
  }

  const saving = new Saving(find("saving"), shown, paint);
  const gallery = new Gallery(find("gallery"), open, (count) => {
    find("kept-count").textContent = count ? String(count) : "";
  });

  /** What can be done with what is on show. */
  function refresh() {
    const photo = answer()?.photo ?? "";
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
      say(words.cannotKeep);
    }
  }

  /** The drawing in the address, if there is one; it leaves the address, or each reload would bring it back. */
  function openLink() {
    if (!location.hash.includes("sketch=")) return;
    const linked = fromFragment(location.hash);
    history.replaceState(history.state, "", location.href.split("#")[0]);
    if (linked?.strokes.length) open({ ...linked, picture: "" });
    else say(words.brokenLink);
  }

  window.addEventListener("hashchange", openLink);
  // A click beside a sheet closes it.
  for (const dialog of [find("saving"), find("gallery")]) {
    dialog.addEventListener("click", (/** @type {MouseEvent} */ event) => event.target === dialog && dialog.close());
  }
  return { refresh, openLink, actions: { keep, save: () => saving.open(), gallery: () => gallery.open() } };
}

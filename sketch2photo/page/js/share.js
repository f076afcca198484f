// Saving and sharing: what is on show as files, in the clipboard, as a link; and the link to this page.

import { toFragment } from "./link.js";
import { cardPicture, photoFile, photoPicture, replayPicture, sketchPicture, toSvg } from "./pictures.js";
import { Unreadable, blobOf, checkPixels } from "./readback.js";
import { snapshot, upTo } from "./strokes.js";
import { words } from "./words.js";

/** Beginnings of a drawing that the replay shows a photo of. */
const STAGES = 16;
/** What a photo is saved as: pixels a side, and kinds of file by what they are called. */
const SIDES = ["512", "1024"];
const KINDS = { PNG: "png", JPEG: "jpeg", WebP: "webp" };
/** Some programs cut longer links off. */
const LONG = 8000;

/**
 * @typedef {import("./strokes.js").Stroke} Stroke
 * @typedef {{strokes: Stroke[], picture: string, photo: string, category: string | null, colour: string | null,
 *   probabilities: Record<string, number>, wish: import("./link.js").Wish}} Shown
 *   a drawing, the picture under it and its photo ("" where there is none), what it was painted as, how likely each category is, what was asked for
 */

/** The sheet behind "Save and share". */
export class Saving {
  /**
   * @param {HTMLDialogElement} dialog
   * @param {() => Shown} shown what is on show
   * @param {(strokes: Stroke[], of: Shown) => Promise<{photo: string, probabilities: Record<string, number>} | null>} paint another drawing, looking as `of`
   */
  constructor(dialog, shown, paint) {
    this.dialog = dialog;
    this.shown = shown;
    this.paint = paint;
    /** @type {Shown} what was on show when the sheet was opened */
    this.now = shown();
    /** @type {Promise<string>} the address that holds it */
    this.link = Promise.resolve("");
    this.preview = /** @type {HTMLImageElement} */ (dialog.querySelector("img"));
    this.told = /** @type {HTMLElement} */ (dialog.querySelector("[role=status]"));
    const [side, kind] = ["side", "kind"].map((name) => /** @type {HTMLSelectElement} */ (dialog.querySelector(`[data-testid=save-${name}]`)));
    side.append(...SIDES.map((pixels) => new Option(pixels)));
    kind.append(...Object.entries(KINDS).map(([name, type]) => new Option(name, type)));
    /** @type {Record<string, () => Promise<string>>} what each button does, and the sentence that says it is done */
    const ways = {
      photo: async () => {
        const file = await photoFile(this.now.photo, Number(side.value), /** @type {import("./pictures.js").Kind} */ (kind.value));
        return this.#file(file, ending(file));
      },
      sketch: () => this.#file(sketchPicture(this.now), "sketch.png"),
      svg: () => this.#file(new Blob([toSvg(this.now.strokes, this.now.picture)], { type: "image/svg+xml" }), "sketch.svg"),
      card: () => this.#file(this.#card(), "card.png"),
      replay: () => this.#replay(),
      copy: () => copyPicture(photoPicture(this.now.photo)).then(() => words.copied, (error) => (error instanceof Unreadable ? words.unreadable : words.cannotCopy)),
      link: () => this.#link(),
      send: () => this.#send(),
    };
    for (const [way, go] of Object.entries(ways)) this.#button(way).addEventListener("click", () => this.#run(go));
  }

  /** @param {string} way @returns {HTMLButtonElement} */
  #button(way) {
    return /** @type {any} */ (this.dialog.querySelector(`[data-testid="save-${way}"]`));
  }

  open() {
    const { strokes, ...rest } = this.shown();
    this.now = { ...rest, strokes: snapshot(strokes) };
    this.told.textContent = "";
    for (const way of ["photo", "card", "replay", "copy", "send"]) this.#button(way).disabled = !this.now.photo;
    this.#makeLink();
    this.#button("send").hidden = !canSend([new File([], "card.png", { type: "image/png" })]);
    this.preview.removeAttribute("src");
    this.preview.alt = "";
    // The photo alone, should the browser let no page make a card.
    if (this.now.photo) this.#card().catch(() => blobOf(this.now.photo)).then((card) => this.#look(card, words.photo(this.now.category)));
    this.dialog.showModal();
  }

  /** @param {Blob} picture @param {string} alt */
  #look(picture, alt) {
    URL.revokeObjectURL(this.preview.src);
    this.preview.src = URL.createObjectURL(picture);
    this.preview.alt = alt;
  }

  /** @param {() => Promise<string>} go */
  async #run(go) {
    this.told.textContent = "";
    this.told.textContent = await go().catch(whyNot);
  }

  /** @param {string} end */
  #name(end) {
    return `sketch2photo-${this.now.category ?? "drawing"}${end.includes(".") ? "-" : "."}${end}`;
  }

  /** @param {Blob | Promise<Blob>} file @param {string} end of its name */
  async #file(file, end) {
    const name = this.#name(end);
    save(await file, name);
    return words.saved(name);
  }

  #card() {
    return cardPicture(this.now, this.now.category ? words.spoken(this.now.category) : "");
  }

  /** Photos of the drawing's beginnings, in the category and colour of the finished one, and the file of them all. */
  async #replay() {
    const shown = this.now;
    const button = this.#button("replay");
    const tell = (/** @type {number} */ share) => {
      if (this.now === shown) this.told.textContent = words.replaying(Math.round(share * 100));
    };
    checkPixels();
    button.disabled = true;
    tell(0);
    try {
      const stages = [];
      for (let i = 1; i < STAGES; i += 1) {
        const share = i / STAGES;
        const painted = await this.paint(upTo(shown.strokes, share), shown).catch(() => null);
        if (painted) stages.push({ share, ...painted });
        tell(share / 2);
      }
      stages.push({ share: 1, photo: shown.photo, probabilities: shown.probabilities });
      const file = await replayPicture(shown, stages, (share) => tell(0.5 + share / 2));
      if (this.now === shown) this.#look(file, words.saveReplay);
      return await this.#file(file, "replay.gif");
    } finally {
      button.disabled = false;
    }
  }

  /** The link is made before it is asked for: Safari lets pages copy only within the click. */
  async #makeLink() {
    const { strokes, wish } = this.now;
    const button = this.#button("link");
    button.disabled = true;
    this.link = toFragment(strokes, wish).then((fragment) => `${location.href.split("#")[0]}#${fragment}`);
    const { link } = this;
    await link.catch(() => {});
    if (link === this.link) button.disabled = !strokes.length;
  }

  async #link() {
    const link = await this.link;
    try {
      await copyText(link, this.dialog);
    } catch {
      return link;
    }
    if (this.now.picture) return words.copiedWithout;
    return link.length > LONG ? words.copiedLong(link.length) : words.copiedLink;
  }

  async #send() {
    const photo = await photoFile(this.now.photo);
    const file = new File([photo], this.#name(ending(photo)), { type: photo.type });
    await send({ files: [file], text: this.dialog.ownerDocument.title, url: await this.link });
    return "";
  }
}

/** What to say when a picture could not be made. @param {unknown} error */
export function whyNot(error) {
  console.error(error);
  return error instanceof Unreadable ? words.unreadable : words.cannotSave;
}

/** @param {Blob} file a picture @returns {string} what its name ends in */
export const ending = ({ type }) => (type === "image/jpeg" ? "jpg" : type.slice("image/".length));

/** Hand a file to the person. @param {Blob} file @param {string} name */
export function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // Some browsers read it only after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 30000);
}

/**
 * A picture into the clipboard. The promise goes in, not the picture: Safari wants the call within the click.
 * Rejects where the browser has no clipboard, as it hides it on pages that are neither https nor of this machine.
 * @param {Promise<Blob>} picture PNG
 */
export async function copyPicture(picture) {
  const failed = picture.then(() => new Promise(() => {}));
  const copied = (async () => navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]))();
  // What hinders is told by the picture itself: a clipboard only says that it got none.
  await Promise.race([failed, copied.catch((error) => picture.then(() => Promise.reject(error)))]);
}

/** A text into the clipboard, the old way where there is no other. @param {string} text @param {HTMLElement} near an open dialog keeps the focus within */
export async function copyText(text, near) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.style.position = "fixed";
    field.style.opacity = "0";
    near.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("the browser does not let pages copy");
  }
}

/** Whether files can be handed to other programs, as on phones. @param {File[]} files */
export const canSend = (files) => Boolean(navigator.canShare?.({ files }));

/** Resolves also if the person changes their mind. @param {ShareData} what */
export async function send(what) {
  try {
    await navigator.share(what);
  } catch (error) {
    if (/** @type {Error} */ (error).name !== "AbortError") throw error;
  }
}

/** @typedef {{link: string | null, qr: string | null}} Invitation  the link to the page, and its QR code as SVG */

/**
 * How others come to this page: its link, and a QR code for a phone held up to the screen. Shows the button only where there is a link that others can use: not on a page that this machine alone can see.
 * @param {(name: string) => any} find
 * @param {{share?: (request: {address: string}) => Promise<Invitation>}} server
 */
export async function offerInvitation(find, server) {
  const button = find("invite");
  button.hidden = true;
  if (!server.share) return;
  /** @type {Invitation} */
  let invitation;
  try {
    // Without the fragment, in which a shared drawing may be.
    invitation = await server.share({ address: location.origin + location.pathname });
  } catch {
    return;
  }
  const { link, qr } = invitation;
  if (!link || !qr) return;
  const code = find("invite-code");
  code.src = `data:image/svg+xml,${encodeURIComponent(qr.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))}`;
  find("invite-link").href = link;
  find("invite-link").textContent = link;
  button.hidden = false;
  button.addEventListener("click", () => find("invitation").showModal());
}

// The gallery: pairs of drawing and photo that a person kept, in this browser only.

import { photoFile, toSvg } from "./pictures.js";
import { ending, save, whyNot } from "./share.js";
import { language, words } from "./words.js";

/**
 * @typedef {{id?: number, made: number, strokes: import("./strokes.js").Stroke[], picture: string, photo: string,
 *   category: string | null, colour: string | null, wish: import("./link.js").Wish}} Kept  `made` in milliseconds since 1970,
 *   the picture under the drawing ("" for none) and the photo as data URLs
 */

/** The gallery's dialog. */
export class Gallery {
  /**
   * @param {HTMLDialogElement} dialog
   * @param {(kept: Kept) => void} open put a kept drawing back on the sheet
   * @param {(count: number) => void} count how many are kept has changed
   */
  constructor(dialog, open, count) {
    this.dialog = dialog;
    this.take = open;
    this.count = count;
    this.list = /** @type {HTMLElement} */ (dialog.querySelector("ul"));
    this.told = /** @type {HTMLElement} */ (dialog.querySelector("[role=status]"));
    this.store = Store.open();
    this.store.then((store) => store.count()).then(count, () => count(0));
  }

  /**
   * Resolves once it is kept.
   * @param {Omit<Kept, "id" | "made">} pair
   */
  async keep(pair) {
    const store = await this.store;
    await store.add({ ...pair, made: Date.now() });
    this.count(await store.count());
  }

  async open() {
    this.dialog.showModal();
    await this.#show();
  }

  async #show() {
    try {
      const all = await (await this.store).all();
      this.count(all.length);
      this.list.replaceChildren(...all.map((kept) => this.#card(kept)));
      this.told.textContent = all.length ? "" : words.nothingKept;
    } catch {
      this.list.replaceChildren();
      this.told.textContent = words.cannotKeep;
    }
  }

  /** @param {Kept} kept */
  #card(kept) {
    const name = kept.category ? words.spoken(kept.category) : "";
    const card = document.createElement("li");
    const pair = button("pair", words.openKept(name));
    pair.append(picture(kept.photo), picture(`data:image/svg+xml,${encodeURIComponent(toSvg(kept.strokes, kept.picture))}`));
    pair.addEventListener("click", () => {
      this.dialog.close();
      this.take(kept);
    });
    const title = document.createElement("b");
    title.textContent = name;
    const time = document.createElement("time");
    time.dateTime = new Date(kept.made).toISOString();
    time.textContent = new Date(kept.made).toLocaleDateString(language, { day: "numeric", month: "short" });
    const file = button("file", words.savePhoto);
    file.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 4v11M7.5 11l4.5 4.5 4.5-4.5M4.5 19.5h15"/></svg>';
    file.addEventListener("click", async () => {
      this.told.textContent = "";
      await photoFile(kept.photo).then(
        (photo) => save(photo, `sketch2photo-${kept.category ?? "photo"}.${ending(photo)}`),
        (error) => (this.told.textContent = whyNot(error)),
      );
    });
    const away = button("away", words.removeKept(name));
    away.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6.5 6.5l11 11M17.5 6.5l-11 11"/></svg>';
    away.addEventListener("click", () => this.#remove(kept));
    card.append(pair, title, time, file, away);
    return card;
  }

  /** At once, with a way back while the gallery is open. @param {Kept} kept */
  async #remove(kept) {
    const store = await this.store;
    await store.remove(Number(kept.id));
    await this.#show();
    const back = button("link", words.undo);
    back.textContent = words.undo;
    back.addEventListener("click", async () => {
      await store.put(kept);
      await this.#show();
    });
    this.told.replaceChildren(words.removed, " ", back);
    back.focus();
  }
}

/** @param {string} name of its class @param {string} label */
function button(name, label) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = name;
  made.title = label;
  made.setAttribute("aria-label", label);
  return made;
}

/** @param {string} url */
function picture(url) {
  const image = document.createElement("img");
  image.src = url;
  image.alt = "";
  image.loading = "lazy";
  image.width = 160;
  image.height = 160;
  return image;
}

const TABLE = "kept";

/** The pairs in the browser's IndexedDB. Nothing of it reaches the server. */
export class Store {
  /** @param {IDBDatabase} database */
  constructor(database) {
    this.database = database;
  }

  /** Rejects where the browser keeps nothing, as some do in private windows. @param {string} name */
  static async open(name = "sketch2photo") {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: "id", autoIncrement: true });
    return new Store(await answer(request));
  }

  /** @template T @param {IDBTransactionMode} mode @param {(table: IDBObjectStore) => IDBRequest<T>} ask */
  #ask(mode, ask) {
    return answer(ask(this.database.transaction(TABLE, mode).objectStore(TABLE)));
  }

  /** Rejects with a QuotaExceededError when there is no room left. @param {Kept} kept @returns {Promise<number>} its id */
  async add(kept) {
    return Number(await this.#ask("readwrite", (table) => table.add(kept)));
  }

  /** Back in its old place, or anew. @param {Kept} kept */
  async put(kept) {
    return Number(await this.#ask("readwrite", (table) => table.put(kept)));
  }

  /** The newest first. @returns {Promise<Kept[]>} */
  async all() {
    return (await this.#ask("readonly", (table) => table.getAll())).reverse();
  }

  /** @returns {Promise<number>} */
  count() {
    return this.#ask("readonly", (table) => table.count());
  }

  /** @param {number} id */
  async remove(id) {
    await this.#ask("readwrite", (table) => table.delete(id));
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const answer = (request) =>
  new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
    if ("onblocked" in request) request.onblocked = () => fail(new Error("another window holds the store"));
  });

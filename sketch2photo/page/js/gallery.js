// The gallery: pairs of drawing and photo that a person kept, in this browser only.

import { save } from "./files.js";
import { cardPicture } from "./pictures.js";
import { Store } from "./store.js";
import { toSvg } from "./svg.js";
import { language, words } from "./words.js";

/** @typedef {import("./store.js").Kept} Kept */

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
    pair.append(picture(`data:image/svg+xml,${encodeURIComponent(toSvg(kept.strokes, kept.picture))}`), picture(kept.photo));
    pair.addEventListener("click", () => {
      this.dialog.close();
      this.take(kept);
    });
    const title = document.createElement("b");
    title.textContent = name;
    const time = document.createElement("time");
    time.dateTime = new Date(kept.made).toISOString();
    time.textContent = new Date(kept.made).toLocaleDateString(language, { day: "numeric", month: "short" });
    const file = button("file", words.saveCard);
    file.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 4v11M7.5 11l4.5 4.5 4.5-4.5M4.5 19.5h15"/></svg>';
    file.addEventListener("click", async () => {
      save(await cardPicture(kept, name), `sketch2photo-${kept.category ?? "drawing"}-card.png`);
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

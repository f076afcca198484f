// What is kept in this browser: drawings with their photos, in its IndexedDB. Nothing of it reaches the server.

/**
 * @typedef {{id?: number, made: number, strokes: import("./strokes.js").Stroke[], picture: string, photo: string,
 *   category: string | null, colour: string | null, wish: import("./link.js").Wish}} Kept  `made` in milliseconds since 1970,
 *   the picture under the drawing ("" for none) and the photo as data URLs
 */

const TABLE = "kept";

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

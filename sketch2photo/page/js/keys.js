// Keyboard shortcuts, and the sheet behind `?` that lists them.

import { words } from "./words.js";

/**
 * What the sheet lists: the keys as they are printed on the keyboard, and the row of words that says what they do.
 * @type {[string, keyof typeof words][]}
 */
const LISTED = [
  ["P", "pen"], ["E", "eraser"], ["C", "brush"], ["[ ]", "thinnerThicker"], ["Ctrl Z", "undo"], ["Ctrl Y", "redo"], ["Del", "clear"],
  ["I", "importPicture"], ["U", "surprise"], ["L", "liveKey"], ["Enter", "paintLabel"], ["R", "dice"], ["V", "variations"], ["A", "autoKey"], ["O", "overlay"], ["F", "enlarge"],
  ["S", "download"], ["K", "keep"], ["G", "gallery"], ["X", "save"], ["?", "help"],
];

/** Keys that stand for an action, without Ctrl. */
const KEYS = {
  p: "pen", b: "pen", e: "eraser", c: "brush", "[": "smaller", "]": "larger", delete: "clear", backspace: "clear",
  i: "import", u: "surprise", l: "live", enter: "paint", r: "dice", v: "vary", a: "auto", o: "overlay", f: "enlarge", escape: "close",
  s: "download", k: "keep", g: "gallery", x: "save", "?": "help",
};

/** Where letters and Enter have a meaning of their own. */
const OWN_KEYS = "select, textarea, input:not([type=range], [type=color]), [contenteditable]";

/** What keys without a sign of their own are called: input methods and dead keys. */
const NAMELESS = ["process", "unidentified", "dead"];
/** Places on the keyboard that are not called by a letter. */
const PLACES = /** @type {Record<string, string>} */ ({ BracketLeft: "[", BracketRight: "]" });

/**
 * What a key stands for, in small letters: what is printed on it if that is Latin, else its place on a US keyboard,
 * so that shortcuts work in Korean, Cyrillic, Greek and the like.
 * @param {Pick<KeyboardEvent, "key" | "code" | "shiftKey"> & {getModifierState?: (name: string) => boolean}} event
 */
export function keyOf(event) {
  const { key, code, shiftKey } = event;
  // Full-width letters are letters.
  const sign = (key ?? "").normalize("NFKC").toLowerCase();
  const printed = /^[ -~]+$/.test(sign) ? !NAMELESS.includes(sign) : /^\p{Script=Latin}/u.test(sign);
  // What AltGr makes of a key is a sign, not the key.
  if (printed || event.getModifierState?.("AltGraph")) return sign;
  if (code === "Slash" && shiftKey) return "?";
  return PLACES[code] ?? /^Key([A-Z])$/.exec(code ?? "")?.[1].toLowerCase() ?? sign;
}

/** @param {HTMLElement} list the `dl` of the sheet */
export function listKeys(list) {
  for (const [keys, row] of LISTED) {
    const line = document.createElement("div");
    const [term, meaning] = [document.createElement("dt"), document.createElement("dd")];
    for (const key of keys.split(" ")) {
      const cap = document.createElement("kbd");
      cap.textContent = key;
      term.append(cap, " ");
    }
    meaning.textContent = String(words[row]);
    line.append(term, meaning);
    list.append(line);
  }
}

/** @param {HTMLElement} root @param {Record<string, () => void>} actions */
export function listenForKeys(root, actions) {
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const key = keyOf(event);
    // Gradio's own views (?view=api) lie over the page, and an open dialog keeps its keys.
    const covered = root.querySelector("dialog[open]") || new URLSearchParams(location.search).has("view");
    if (!root.isConnected || covered || target.closest?.(OWN_KEYS)) return;
    let action = "";
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") action = event.shiftKey ? "redo" : "undo";
      else if (key === "y") action = "redo";
    } else if (!event.altKey) {
      action = KEYS[/** @type {keyof typeof KEYS} */ (key)] ?? "";
      // Enter on a button presses that button.
      if (key === "enter" && target.closest?.("button, a, input[type=color], [role=switch]")) return;
    }
    if (!action) return;
    event.preventDefault();
    actions[action]();
  });
}

// Keyboard shortcuts. The sheet behind `?` lists them; it is in canvas.html.

/** Keys that stand for an action, without Ctrl. */
const KEYS = {
  p: "pen", b: "pen", e: "eraser", "[": "smaller", "]": "larger", delete: "clear", backspace: "clear",
  l: "live", enter: "paint", r: "dice", a: "auto", s: "download", "?": "help",
};

/** Where letters and Enter have a meaning of their own. */
const OWN_KEYS = "select, textarea, input:not([type=range]), [contenteditable]";

/** @param {HTMLElement} root @param {Record<string, () => void>} actions */
export function listenForKeys(root, actions) {
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const key = event.key.toLowerCase();
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
      if (key === "enter" && target.closest?.("button, a, [role=switch]")) return;
    }
    if (!action) return;
    event.preventDefault();
    actions[action]();
  });
}

// Shortcuts go by what is printed on a key, and by its place where that is not Latin.
import assert from "node:assert/strict";
import test from "node:test";
import { keyOf } from "../../../sketch2photo/page/js/keys.js";

const place = (letter) => `Key${letter.toUpperCase()}`;

test("other scripts go by the key's place", () => {
  const scripts = {
    Korean: { ㅋ: "z", ㅛ: "y", ㄷ: "e", ㅔ: "p", ㅖ: "p" },
    Russian: { я: "z", Я: "z", н: "y", у: "e", з: "p", с: "c" },
    Greek: { ζ: "z", υ: "y", ε: "e", π: "p" },
    Hebrew: { ז: "z", פ: "p", ק: "e" },
    Arabic: { ئ: "z", لا: "b", ث: "e" },
    Thai: { "ผ": "z", "ำ": "e", "ั": "y" },
    Hindi: { "े": "s", "्": "d" },
    Japanese: { つ: "z", い: "e" },
  };
  for (const [script, keys] of Object.entries(scripts)) {
    for (const [key, letter] of Object.entries(keys)) assert.equal(keyOf({ key, code: place(letter), shiftKey: false }), letter, script);
  }
  assert.equal(keyOf({ key: "х", code: "BracketLeft", shiftKey: false }), "[");
  assert.equal(keyOf({ key: "ъ", code: "BracketRight", shiftKey: false }), "]");
});

test("input methods and dead keys go by place, too", () => {
  for (const key of ["Process", "Unidentified", "Dead"]) {
    assert.equal(keyOf({ key, code: "KeyZ", shiftKey: false }), "z");
    assert.equal(keyOf({ key, code: "Slash", shiftKey: true }), "?");
    assert.equal(keyOf({ key, code: "BracketLeft", shiftKey: false }), "[");
  }
});

test("what is printed on the key goes before its place: QWERTZ, AZERTY, Dvorak, full-width", () => {
  for (const [key, code, is] of [["z", "KeyY", "z"], ["y", "KeyZ", "y"], ["a", "KeyQ", "a"], ["W", "KeyZ", "w"], [";", "KeyZ", ";"], ["ｚ", "KeyZ", "z"]]) {
    assert.equal(keyOf({ key, code, shiftKey: false }), is);
  }
  // Latin letters that are no shortcut stay none.
  for (const [key, code] of [["ü", "BracketLeft"], ["ø", "KeyE"], ["ż", "KeyZ"], ["é", "Digit2"]]) assert.equal(keyOf({ key, code, shiftKey: false }), key);
});

test("named keys are themselves, and AltGr makes signs", () => {
  for (const key of ["Delete", "Enter", "Backspace", "ArrowUp", "F1"]) assert.equal(keyOf({ key, code: "KeyP", shiftKey: false }), key.toLowerCase());
  const getModifierState = (name) => name === "AltGraph";
  assert.equal(keyOf({ key: "€", code: "KeyE", shiftKey: false, getModifierState }), "€");
  assert.equal(keyOf({ key: "[", code: "Digit8", shiftKey: false, getModifierState }), "[");
});

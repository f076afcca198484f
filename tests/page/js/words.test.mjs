// Sentences of the page.
import assert from "node:assert/strict";
import test from "node:test";
import { spoken, words } from "../../../sketch2photo/page/js/words.js";

test("categories are spoken as words, with their article", () => {
  assert.equal(spoken("teddy_bear"), "teddy bear");
  assert.equal(words.painted("apple"), "painted as an apple");
  assert.equal(words.painted("teddy_bear"), "painted as a teddy bear");
});

test("the hint names three categories from all over the list", () => {
  const twelve = ["shoe", "car", "motorcycle", "sofa", "chair", "teapot", "bear", "berry", "apple", "banana", "pear", "x"];
  assert.equal(words.hint(twelve), "Draw a shoe, a chair, an apple …");
  assert.equal(words.hint(["cat"]), "Draw a cat");
  assert.equal(words.hint(["cat", "dog"]), "Draw a cat, a dog");
  assert.equal(words.hint([]), "Draw something");
});

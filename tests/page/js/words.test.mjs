// Sentences of the page, in both languages.
import assert from "node:assert/strict";
import test from "node:test";
import { choose, inLanguage, withParticle } from "../../../sketch2photo/page/js/words.js";

const english = inLanguage("en");
const korean = inLanguage("ko");
/** Rows that are the same everywhere. */
const SAME = ["api", "latency"];

test("every row is there in both languages, of the same kind, and in the right alphabet", () => {
  assert.ok(Object.keys(english).length > 40);
  for (const row of Object.keys(english)) {
    assert.equal(typeof korean[row], typeof english[row], row);
    if (typeof english[row] !== "string") continue;
    assert.ok(english[row].trim() && !/[가-힣]/.test(english[row]), row);
    assert.ok(SAME.includes(row) || /[가-힣]/.test(korean[row]), row);
  }
});

test("the first language of the browser's list that the page speaks is taken, English for others", () => {
  assert.equal(choose(["ko-KR", "en"]), "ko");
  assert.equal(choose(["de-DE", "ko", "en"]), "ko");
  assert.equal(choose(["en-GB", "ko"]), "en");
  assert.equal(choose(["fr"]), "en");
  assert.equal(choose([]), "en");
});

test("categories are spoken as words, with their article", () => {
  assert.equal(english.spoken("teddy_bear"), "teddy bear");
  assert.equal(english.painted("apple"), "painted as an apple");
  assert.equal(english.painted("teddy_bear"), "painted as a teddy bear");
});

test("Korean particles follow the last sound", () => {
  assert.equal(korean.painted("teddy_bear"), "곰 인형으로 만들었어요");
  assert.equal(korean.painted("apple"), "사과로 만들었어요");
  assert.equal(korean.paintAs("shoe"), "신발로 만들기");
  assert.equal(withParticle("연필", "을", "를"), "연필을");
  assert.equal(korean.painted("violin"), "violin로 만들었어요");
});

test("the hint names three categories from all over the list", () => {
  const twelve = ["shoe", "car", "motorcycle", "sofa", "chair", "teapot", "bear", "berry", "apple", "banana", "pear", "x"];
  assert.equal(english.hint(twelve), "Draw a shoe, a chair, an apple …");
  assert.equal(english.hint(["cat"]), "Draw a cat");
  assert.equal(english.hint(["cat", "dog"]), "Draw a cat, a dog");
  assert.equal(english.hint([]), "Draw something");
  assert.equal(korean.hint(twelve), "신발, 의자, 사과 … 그려 보세요");
  assert.equal(korean.hint(["apple"]), "사과를 그려 보세요");
  assert.equal(korean.hint([]), "무엇이든 그려 보세요");
});

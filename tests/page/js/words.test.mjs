// Sentences of the page, in both languages.
import assert from "node:assert/strict";
import test from "node:test";
import { choose, inLanguage, nameOf, withParticle } from "../../../sketch2photo/page/js/words.js";

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

test("what is no category is asked about with the right article, in a sentence", () => {
  assert.equal(english.other("castle"), "A castle? I can't paint that yet.");
  assert.equal(english.other("The_Eiffel_Tower"), "The Eiffel Tower? I can't paint that yet.");
  assert.equal(english.looksLike("binoculars"), "binoculars?");
  for (const word of ["bus", "octopus", "hourglass"]) assert.match(english.looksLike(word), /^an? /);
  assert.equal(english.other(null), "This is nothing that I can paint yet.");
  assert.equal(korean.other("castle"), "castle인가요? 아직 만들 수 없는 것이에요.");
});

test("the photo's description says what is painted, in which colour, how likely", () => {
  assert.equal(english.photo("teapot", "#c04435", 97), "a red teapot, 97%");
  assert.equal(english.photo("apple", "#c06a20", 80), "an orange apple, 80%");
  assert.equal(english.photo("teddy_bear"), "a teddy bear");
  assert.equal(korean.photo("teapot", "#c04435", 97), "빨간 찻주전자, 97%");
});

test("colours have names", () => {
  const named = {
    "#000000": "black", "#1f1f22": "black", "#ffffff": "white", "#e9e4e0": "white", "#8e8e93": "grey", "#c04435": "red", "#d9202a": "red",
    "#f2a0b0": "pink", "#e0409a": "pink", "#e8862a": "orange", "#f2d15b": "yellow", "#a5b951": "green", "#3f7d4e": "green",
    "#3aa8a0": "turquoise", "#2f5d8a": "blue", "#2040ff": "blue", "#7a3fb0": "purple", "#685327": "brown", "#5b4636": "brown",
  };
  for (const [colour, is] of Object.entries(named)) assert.equal(nameOf(colour), is, colour);
});

test("no jargon, but where a file cannot be opened", () => {
  for (const words of [english, korean]) {
    for (const [row, text] of Object.entries(words)) {
      const said = typeof text === "string" ? text : ["hint", "knows"].includes(row) ? text(["apple"]) : text("apple", "#ff0000", 2);
      if (row !== "notAPicture") assert.doesNotMatch(said, /PNG|SVG|GIF|JPEG|seed|시드/i, row);
    }
  }
});

// The painted category changes only when another has led clearly for several frames, or when the pen rests.
import assert from "node:assert/strict";
import test from "node:test";
import { Hysteresis } from "../../../sketch2photo/page/js/hysteresis.js";

const p = (apple, pear) => ({ apple, pear, teapot: 1 - apple - pear });

test("the first guess is held", () => {
  const hysteresis = new Hysteresis();
  assert.equal(hysteresis.see(p(0.5, 0.4), "apple"), false);
  assert.equal(hysteresis.held, "apple");
});

test("a lead for one or two frames changes nothing, for three it does", () => {
  const hysteresis = new Hysteresis();
  hysteresis.see(p(0.5, 0.4), "apple");
  assert.equal(hysteresis.see(p(0.3, 0.6), "apple"), false);
  assert.equal(hysteresis.undecided, true);
  assert.equal(hysteresis.see(p(0.3, 0.6), "apple"), false);
  assert.equal(hysteresis.held, "apple");
  assert.equal(hysteresis.see(p(0.3, 0.6), "apple"), true);
  assert.equal(hysteresis.held, "pear");
  assert.equal(hysteresis.undecided, false);
});

test("turns between others do not add up", () => {
  const hysteresis = new Hysteresis();
  hysteresis.see(p(0.5, 0.4), "apple");
  for (let i = 0; i < 5; i += 1) {
    assert.equal(hysteresis.see(p(0.2, 0.6), "apple"), false);
    assert.equal(hysteresis.see(p(0.2, 0.1), "apple"), false);
  }
  assert.equal(hysteresis.held, "apple");
});

test("a narrow lead never changes it, not even at rest", () => {
  const hysteresis = new Hysteresis();
  hysteresis.see(p(0.5, 0.4), "apple");
  for (let i = 0; i < 9; i += 1) assert.equal(hysteresis.see(p(0.45, 0.5), "apple"), false);
  assert.equal(hysteresis.settle(), false);
  assert.equal(hysteresis.held, "apple");
});

test("a clear leader is taken at once when the pen rests", () => {
  const hysteresis = new Hysteresis();
  hysteresis.see(p(0.5, 0.4), "apple");
  hysteresis.see(p(0.2, 0.7), "apple");
  assert.equal(hysteresis.settle(), true);
  assert.equal(hysteresis.held, "pear");
  assert.equal(hysteresis.settle(), false);
});

test("a new sheet forgets", () => {
  const hysteresis = new Hysteresis();
  hysteresis.see(p(0.5, 0.4), "apple");
  hysteresis.reset();
  assert.equal(hysteresis.held, null);
  hysteresis.see(p(0.1, 0.8), "pear");
  assert.equal(hysteresis.held, "pear");
});

test("without probabilities what was painted is held", () => {
  const hysteresis = new Hysteresis();
  hysteresis.see({}, "apple");
  hysteresis.see({}, "apple");
  assert.equal(hysteresis.held, "apple");
  assert.equal(hysteresis.undecided, false);
});

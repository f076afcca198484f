// The painted category changes only when another has led clearly for several frames, or when the pen rests.
import assert from "node:assert/strict";
import test from "node:test";
import { Calm } from "../../../sketch2photo/page/js/calm.js";

const p = (apple, pear) => ({ apple, pear, teapot: 1 - apple - pear });

test("the first guess is held", () => {
  const calm = new Calm();
  assert.equal(calm.see(p(0.5, 0.4), "apple"), false);
  assert.equal(calm.held, "apple");
});

test("a lead for one or two frames changes nothing, for three it does", () => {
  const calm = new Calm();
  calm.see(p(0.5, 0.4), "apple");
  assert.equal(calm.see(p(0.3, 0.6), "apple"), false);
  assert.equal(calm.undecided, true);
  assert.equal(calm.see(p(0.3, 0.6), "apple"), false);
  assert.equal(calm.held, "apple");
  assert.equal(calm.see(p(0.3, 0.6), "apple"), true);
  assert.equal(calm.held, "pear");
  assert.equal(calm.undecided, false);
});

test("turns between others do not add up", () => {
  const calm = new Calm();
  calm.see(p(0.5, 0.4), "apple");
  for (let i = 0; i < 5; i += 1) {
    assert.equal(calm.see(p(0.2, 0.6), "apple"), false);
    assert.equal(calm.see(p(0.2, 0.1), "apple"), false);
  }
  assert.equal(calm.held, "apple");
});

test("a narrow lead never changes it, not even at rest", () => {
  const calm = new Calm();
  calm.see(p(0.5, 0.4), "apple");
  for (let i = 0; i < 9; i += 1) assert.equal(calm.see(p(0.45, 0.5), "apple"), false);
  assert.equal(calm.settle(), false);
  assert.equal(calm.held, "apple");
});

test("a clear leader is taken at once when the pen rests", () => {
  const calm = new Calm();
  calm.see(p(0.5, 0.4), "apple");
  calm.see(p(0.2, 0.7), "apple");
  assert.equal(calm.settle(), true);
  assert.equal(calm.held, "pear");
  assert.equal(calm.settle(), false);
});

test("a new sheet forgets", () => {
  const calm = new Calm();
  calm.see(p(0.5, 0.4), "apple");
  calm.reset();
  assert.equal(calm.held, null);
  calm.see(p(0.1, 0.8), "pear");
  assert.equal(calm.held, "pear");
});

test("without probabilities what was painted is held", () => {
  const calm = new Calm();
  calm.see({}, "apple");
  calm.see({}, "apple");
  assert.equal(calm.held, "apple");
  assert.equal(calm.undecided, false);
});

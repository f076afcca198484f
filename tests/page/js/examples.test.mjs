// Drawings to start from: all there, on the sheet, and drawn bit by bit.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { DRAWN } from "../../../sketch2photo/page/js/example_drawings.js";
import { examples, vary } from "../../../sketch2photo/page/js/examples.js";
import { SIDE, upTo } from "../../../sketch2photo/page/js/strokes.js";

const CATEGORIES = JSON.parse(readFileSync(new URL("../../../checkpoints/studio/config.json", import.meta.url), "utf8")).categories;
const within = (strokes) => strokes.every((stroke) => stroke.points.every((point) => point.every((value) => value >= 0 && value <= SIDE)));

test("the released model has one or more for each category, and others have none", () => {
  const all = examples(CATEGORIES);
  assert.deepEqual(new Set(all.map((example) => example.category)), new Set(CATEGORIES));
  assert.ok(all.length > CATEGORIES.length);
  assert.deepEqual(examples(["violin", "axe"]), []);
});

test("every path is understood, stays on the sheet and fills a good part of it", () => {
  for (const [category, drawings] of Object.entries(DRAWN)) {
    for (const path of drawings.flat()) assert.match(path, /^[MO][\d .MLQCO]+$/, `${category}: ${path}`);
  }
  for (const { category, strokes } of examples(CATEGORIES)) {
    assert.ok(within(strokes), category);
    const points = strokes.flatMap((stroke) => stroke.points);
    assert.ok(points.flat().every(Number.isFinite), category);
    const sides = [0, 1].map((axis) => Math.max(...points.map((p) => p[axis])) - Math.min(...points.map((p) => p[axis])));
    assert.ok(Math.max(...sides) > 0.6 * SIDE && Math.min(...sides) > 0.3 * SIDE, category);
  }
});

test("a variation is another drawing of as many strokes, on the sheet", () => {
  let state = 1;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  for (const { strokes } of examples(CATEGORIES)) {
    for (let i = 0; i < 20; i += 1) {
      const other = vary(strokes, random);
      assert.equal(other.length, strokes.length);
      assert.ok(within(other));
      assert.notDeepEqual(other, strokes);
    }
  }
});

test("a drawing unfolds stroke by stroke, from nothing to all", () => {
  const { strokes } = examples(["car"])[0];
  assert.deepEqual(upTo(strokes, 0), []);
  assert.deepEqual(upTo(strokes, 1), strokes);
  let before = 0;
  for (let share = 0.05; share < 1; share += 0.05) {
    const part = upTo(strokes, share);
    const points = part.reduce((sum, stroke) => sum + stroke.points.length, 0);
    assert.ok(points >= before && part.every((stroke) => stroke.points.length > 0));
    assert.deepEqual(part.slice(0, -1), strokes.slice(0, part.length - 1));
    before = points;
  }
});

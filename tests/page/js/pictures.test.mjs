// The drawing as a file, and as it grew.
import assert from "node:assert/strict";
import test from "node:test";
import { upTo } from "../../../sketch2photo/page/js/grow.js";
import { pathOf, toSvg } from "../../../sketch2photo/page/js/svg.js";

const line = { erase: false, width: 5, points: [[0, 0], [100, 0], [100, 99]] };
const dot = { erase: false, width: 5, points: [[50, 50]] };

test("a drawing grows along its strokes", () => {
  assert.deepEqual(upTo([line, dot], 0), []);
  assert.deepEqual(upTo([line, dot], 1), [line, dot]);
  const half = upTo([line, dot], 0.5);
  assert.equal(half.length, 1);
  assert.deepEqual(half[0].points, [[0, 0], [100, 0], [100, 0.5]]);
  assert.deepEqual(upTo([dot, dot], 0.4), [dot]);
  let before = -1;
  for (let share = 0; share <= 1; share += 0.01) {
    const count = upTo([line, dot, line], share).reduce((sum, { points }) => sum + points.length, 0);
    assert.ok(count >= before);
    before = count;
  }
});

test("paths are the curves of the sheet", () => {
  assert.equal(pathOf([[1, 2]]), "M1 2L1.1 2");
  assert.equal(pathOf([[1, 2], [3, 4]]), "M1 2L3 4");
  assert.equal(pathOf([[0, 0], [10, 0], [10, 10.06]]), "M0 0Q10 0 10 5L10 10.1");
});

test("an SVG file has every stroke, and white ones for the eraser", () => {
  const svg = toSvg([line, { ...dot, erase: true, width: 22.5 }]);
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 512 512"/);
  assert.equal(svg.match(/<path /g).length, 2);
  assert.match(svg, /stroke="#000" stroke-width="5"\/>/);
  assert.match(svg, /stroke="#fff" stroke-width="22\.5"\/>/);
});

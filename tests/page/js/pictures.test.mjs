// The drawing as an SVG file.
import assert from "node:assert/strict";
import test from "node:test";
import { pathOf, toSvg } from "../../../sketch2photo/page/js/pictures.js";

const line = { erase: false, width: 5, points: [[0, 0], [100, 0], [100, 99]] };
const dot = { erase: false, width: 5, points: [[50, 50]] };

test("paths are the curves of the sheet", () => {
  assert.equal(pathOf([[1, 2]]), "M1 2L1.1 2");
  assert.equal(pathOf([[1, 2], [3, 4]]), "M1 2L3 4");
  assert.equal(pathOf([[0, 0], [6, 0], [6, 6.06]]), "M0 0Q6 0 6 3L6 6.1");
  assert.equal(pathOf([[0, 0], [10, 0], [10, 10.06]]), "M0 0L10 0L10 5L10 10.1");
});

test("an SVG file has every stroke, and white ones for the eraser", () => {
  const svg = toSvg([line, { ...dot, erase: true, width: 22.5 }]);
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 512 512"/);
  assert.equal(svg.match(/<path /g).length, 2);
  assert.match(svg, /stroke="#000" stroke-width="5"\/>/);
  assert.match(svg, /stroke="#fff" stroke-width="22\.5"\/>/);
});

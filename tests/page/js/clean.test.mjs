// Photos of drawings on paper, made here: shadow, tint, grain, a table around the sheet; only the lines may stay.
import assert from "node:assert/strict";
import test from "node:test";
import { darkness } from "../../../sketch2photo/page/js/clean.js";
import { growth, lines, place, thicken } from "../../../sketch2photo/page/js/lines.js";

const W = 400;
const H = 300;
let state = 3;
const random = () => (state = (state * 48271) % 2147483647) / 2147483647;

/** Whether (x, y) is on the drawing: a ring of radius 70 around the middle, `pen` wide, and a dot in it. */
const drawn = (x, y, pen = 5) => {
  const r = Math.hypot(x - W / 2, y - H / 2);
  return Math.abs(r - 70) < pen / 2 || r < 4;
};

/** A picture whose pixels are colours `at(x, y)`, with grain. */
function photo(at, grain = 0) {
  const data = new Uint8ClampedArray(4 * W * H);
  for (let y = 0; y < H; y += 1) {
    for (let x = 0; x < W; x += 1) {
      const [r, g, b, a = 255] = at(x, y);
      const n = (random() - 0.5) * 2 * grain;
      data.set([r + n, g + n, b + n, a], 4 * (y * W + x));
    }
  }
  return { data, width: W, height: H };
}

/** How many of the drawing's pixels are ink, and how many others, as shares of the drawing. */
function score(pixels, strength = 0, pen = 5) {
  const found = lines(darkness(pixels), strength);
  let [hit, missed, wrong] = [0, 0, 0];
  for (let y = 0; y < H; y += 1) {
    for (let x = 0; x < W; x += 1) {
      const ink = found.ink[y * W + x] > 0.5;
      if (drawn(x, y, pen - 1)) ink ? (hit += 1) : (missed += 1);
      else if (ink && !drawn(x, y, pen + 3)) wrong += 1;
    }
  }
  return { found: hit / (hit + missed), wrong: wrong / (hit + missed), lines: found };
}

const good = (pixels, strength, pen) => {
  const { found, wrong, lines: result } = score(pixels, strength, pen);
  assert.ok(found > 0.93, `found ${found}`);
  assert.ok(wrong < 0.02, `wrong ${wrong}`);
  return result;
};

test("black on white stays as it is", () => {
  const { box, pen } = good(photo((x, y) => (drawn(x, y) ? [0, 0, 0] : [255, 255, 255])));
  assert.deepEqual(Object.values(box).map((v, i) => Math.round(v - [130, 80, 270, 220][i])).filter((v) => Math.abs(v) > 4), []);
  assert.ok(pen > 3 && pen < 8, String(pen));
});

test("pencil on yellowish paper with a shadow across it and grain", () => {
  good(
    photo((x, y) => {
      const light = 1 - 0.5 * (x / W) - 0.1 * (y / H);
      return (drawn(x, y) ? [130, 125, 115] : [235, 220, 185]).map((v) => v * light);
    }, 7),
  );
});

test("blue and red ballpoint", () => {
  for (const ink of [[50, 70, 190], [200, 60, 60]]) good(photo((x, y) => (drawn(x, y) ? ink : [240, 238, 230]), 5));
});

test("chalk on a board, and white lines on nothing", () => {
  good(photo((x, y) => (drawn(x, y) ? [230, 230, 225] : [40, 60, 50]), 6));
  good(photo((x, y) => (drawn(x, y) ? [255, 255, 255, 255] : [0, 0, 0, 0])));
  good(photo((x, y) => (drawn(x, y) ? [0, 0, 0, 255] : [0, 0, 0, 0])));
});

test("the table around the sheet and the sheet's edge are no lines", () => {
  for (const table of [[60, 45, 35], [150, 110, 75]]) {
    good(
      photo((x, y) => {
        const on = x > 45 + 0.06 * y && x < 350 && y > 25 && y < 285;
        return drawn(x, y) ? [60, 60, 65] : on ? [235, 232, 225] : table;
      }, 5),
    );
  }
});

test("specks go, dots of the drawing stay", () => {
  const specks = new Set(Array.from({ length: 60 }, () => Math.floor(random() * W * H)));
  good(photo((x, y) => (drawn(x, y) || specks.has(y * W + x) ? [30, 30, 30] : [245, 245, 245])));
});

test("faint lines come with more strength, and go with less", () => {
  const faint = photo((x, y) => (drawn(x, y) ? [205, 205, 205] : [245, 245, 245]), 4);
  assert.ok(score(faint, 1).found > 0.9);
  assert.ok(score(faint, -1).found < 0.3);
});

test("an empty sheet has no lines", () => {
  const { box, pen } = lines(darkness(photo(() => [228, 226, 220], 6)), 0);
  assert.equal(box, null);
  assert.equal(pen, 0);
});

test("large black shapes stay filled", () => {
  const { found } = score(photo((x, y) => (Math.hypot(x - W / 2, y - H / 2) < 72 ? [10, 10, 10] : [250, 250, 250])));
  assert.ok(found > 0.95, String(found));
});

test("the drawing goes to the middle of the sheet and fills most of it", () => {
  const { scale, x, y } = place({ left: 100, top: 50, right: 300, bottom: 150 }, 1000);
  assert.equal(Math.round(scale * 200), 820);
  assert.deepEqual([x + scale * 200, y + scale * 100].map(Math.round), [500, 500]);
});

test("hair lines grow until they are seen, wide ones do not", () => {
  assert.equal(growth(12, 1, 1024), 0);
  assert.equal(growth(2, 1, 1024), 3);
  const ink = new Float32Array(25);
  ink[12] = 1;
  const grown = thicken({ ink, width: 5, height: 5, box: null, pen: 1 }, 1);
  assert.deepEqual([...grown].map(Number), [0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
});

// A drawing survives the way through an address, and nothing else gets in.
import assert from "node:assert/strict";
import test from "node:test";
import { deflateRawSync } from "node:zlib";
import { DRAWN } from "../../../sketch2photo/page/js/example_drawings.js";
import { examples } from "../../../sketch2photo/page/js/examples.js";
import { fromFragment, thin, toFragment } from "../../../sketch2photo/page/js/link.js";

const circle = Array.from({ length: 1000 }, (_, i) => [256 + 150 * Math.cos(i / 159.2), 256 + 150 * Math.sin(i / 159.2)]);
const strokes = [
  { erase: false, width: 5, points: circle },
  { erase: true, width: 22.5, points: [[10.2, 300.7], [490, 299.1]] },
  { erase: false, width: 2, points: [[-3, 515]] },
];
const wish = { category: "teddy_bear", model: "studio", colour: "#c83020", seed: 123456789, ground: "" };

/** Links of the first form, made by the last page that wrote them. */
const OLD = {
  apple: "sketch=AQVhcHBsZQAAAAQoVYAIuAXhLCPhMB3hNhXhOg_hPAfhPALhPAjhOhLhNhrhNCThLC7hJDjhHkThEk7hBEzhA1DhC1ThE1LhGVLhH1DhJUzhKUbhK0DhMTjhMS7hMyLhMxbhNQjhDwDhDwHhDwMGBRQFEwUFBuEPAeEPAeEPAeEPAuEPAuEPAggJCRkJGAkI4Q8E4Q8C4Q8A4TUH4TMV4TMh4TEt4TE34Ss_4SlF4SVL4R9P4RlR4RNR4QtT4QNP4QRL4RJN4R5D4SQ34Swt4TQj4TYZ4ToR4TwH4TwB4TwI4ToQ4TYW4TAe4SwkKA-ACOIF4QMj4QEh4QIh4QIf4QQf4QYf4Qgf4Qod4Qod4Q4b4RAb4RAb4RQb4RQZKB2-CIAE4RQt4RYn4Rwh4R4d4SAX4SQT4SQP4SYJ4SYH4SgB4SYA4SgG4SQI4SQM4Q0q4RMm4Rci4Rke4R0a4R8W4SMS4SMM4ScI4ScG4SkB4SsD4SkJ4SsPKA_IBqQF4RYU4RgS4RoO4RwK4RwI4RwG4RwA4RwA4RwF4RwH4RwJ4RoN4RgR4RYT",
  all: "sketch=AQp0ZWRkeV9iZWFyBnN0dWRpbwHIMCCVmu86AygFkAPgA5O-4aQEGOEArAW1AQIosgnhgA8FEAELjBA",
  korean: "sketch=AQbsgqzqs7wAAAABEAELjBA",
  empty: "sketch=AQAAAAAA",
};

/** How far a point is from a line. */
const distance = ([x, y], points) =>
  Math.min(
    ...points.slice(1).map(([bx, by], i) => {
      const [ax, ay] = points[i];
      const along = Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2 || 1)));
      return Math.hypot(ax + along * (bx - ax) - x, ay + along * (by - ay) - y);
    }),
  );

test("drawing and wishes come back", async () => {
  const back = await fromFragment(`#${await toFragment(strokes, wish)}`);
  assert.deepEqual(back.wish, wish);
  assert.deepEqual(back.strokes.map((s) => [s.erase, s.width]), [[false, 5], [true, 22.5], [false, 2]]);
  for (const point of circle) assert.ok(distance(point, back.strokes[0].points) < 0.7);
  assert.deepEqual(back.strokes[1].points, [[10, 300.5], [490, 299]]);
  assert.deepEqual(back.strokes[2].points, [[-3, 515]]);
});

test("the ground comes back, and is one", async () => {
  for (const ground of ["paper", "transparent", "#7fa7c9"]) {
    const back = await fromFragment(await toFragment(strokes, { ...wish, ground }));
    assert.equal(back.wish.ground, ground);
    assert.equal(back.strokes.length, 3);
  }
  assert.equal(await fromFragment(await toFragment(strokes, { ...wish, ground: "url(x)" })), null);
});

test("hints come back in their colours, and nothing else as a colour", async () => {
  const back = await fromFragment(await toFragment([{ ...strokes[0], colour: "#c23b2e" }, strokes[1], { ...strokes[2], colour: "url(x)" }]));
  assert.deepEqual(back.strokes.map((s) => [s.erase, s.colour]), [[false, "#c23b2e"], [true, undefined], [false, undefined]]);
});

test("links are short: most of the page's own drawings take 300 to 700 letters", async () => {
  const { length } = await toFragment(strokes.slice(0, 1));
  assert.ok(length < (1.5 * 2 * Math.PI * 150) / 3, String(length));
  const links = await Promise.all(examples(Object.keys(DRAWN)).map((example) => toFragment(example.strokes, example)));
  const lengths = links.map((link) => link.length).sort((a, b) => a - b);
  assert.ok(lengths[0] > 100 && lengths[Math.floor(lengths.length / 2)] < 600 && lengths.at(-1) < 1400, lengths.join(" "));
});

test("a form that is not known is no drawing", async () => {
  const link = await toFragment(strokes, wish);
  assert.match(link, /^sketch=2/);
  assert.equal(await fromFragment(link.replace("=2", "=3")), null);
});

test("other parts of an address do not disturb, and are no drawing", async () => {
  assert.equal((await fromFragment(`#view=api&${await toFragment(strokes)}&x=1`)).strokes.length, 3);
  for (const other of ["", "#", "#view=api", "#sketch=", "#sketch=2", "#asketch=AAAA"]) assert.equal(await fromFragment(other), null);
});

test("nothing asked for is an empty wish", async () => {
  assert.deepEqual((await fromFragment(await toFragment(strokes))).wish, { category: "", model: "", colour: "", seed: 0, ground: "" });
  assert.deepEqual((await fromFragment(await toFragment([]))).strokes, []);
});

test("a link that was cut off or changed is no drawing, or another one, and never an error", async () => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (const good of [await toFragment(strokes, wish), OLD.apple]) {
    assert.ok(await fromFragment(good));
    for (let length = 8; length < good.length - 3; length += 1) assert.equal(await fromFragment(good.slice(0, length)), null);
    for (let at = 7; at < good.length; at += 3) {
      for (const letter of [letters[0], letters[at % 64], letters[63]]) {
        const back = await fromFragment(good.slice(0, at) + letter + good.slice(at + 1));
        for (const { points, width } of back?.strokes ?? []) {
          assert.ok(points.length > 0 && width > 0 && points.every(([x, y]) => Number.isFinite(x) && Number.isFinite(y)));
        }
      }
    }
  }
});

/** A link of the present form that holds this. */
const link = (/** @type {string} */ json) => `sketch=2${deflateRawSync(json).toString("base64url")}`;

test("a link of ours that holds something else is no drawing", async () => {
  assert.ok(await fromFragment(link('["","","",0,[20,0,1,2,3,4]]')));
  for (const json of [
    "", "null", "{}", "[]", '["","","",0,[]]', '["","","",0,[20,0]]', '["","","",0,[20,0,1]]', '["","","",0,null]',
    '["","","",0,["x",0,1,2]]', '["","","",0,[20,0,1,"x"]]', '["","","",0,[20,0,1e308,1,1e308,1]]', '[1,"","",0]',
    '["","","red",0]', '["","","",-1]', '["","","",0.5]', '["","","",4294967296]',
  ]) {
    assert.equal(await fromFragment(link(json)), null, json);
  }
});

test("a link cannot ask for more than a browser can bear", async () => {
  const many = (/** @type {number} */ count) => `["","","",0${",[20,0,1,2]".repeat(count)}]`;
  assert.ok(await fromFragment(link(many(5000))));
  assert.equal(await fromFragment(link(many(5001))), null);
  assert.equal(await fromFragment(link(`["","","",0,[20,0${",1,1".repeat(200001)}]]`)), null);
  assert.equal(await fromFragment(link(`["${"a".repeat(5e6)}","","",0]`)), null);
  const number = (/** @type {number} */ value) => {
    const bytes = [];
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      bytes.push(rest > 127 ? (rest % 128) | 128 : rest);
      if (rest <= 127) return bytes;
    }
  };
  const old = (/** @type {number[]} */ ...bytes) => `sketch=${Buffer.from([1, 0, 0, 0, 0, ...bytes]).toString("base64url")}`;
  assert.equal(await fromFragment(old(...number(2 ** 40))), null);
  assert.equal(await fromFragment(old(1, ...number(20), ...number(2 ** 40))), null);
  assert.ok(await fromFragment(old(1, ...number(40), 1, 2, 2)));
});

test("thinning keeps corners and long strokes", () => {
  const corner = [...Array.from({ length: 40 }, (_, i) => [i, 0]), ...Array.from({ length: 40 }, (_, i) => [39, i + 1])];
  const thinned = thin(corner);
  assert.ok(thinned.length < corner.length / 2);
  assert.ok(thinned.some(([x, y]) => x === 39 && y === 0));
  assert.deepEqual([thinned[0], thinned.at(-1)], [[0, 0], [39, 40]]);
  assert.ok(thinned.every((point, i) => !i || Math.hypot(point[0] - thinned[i - 1][0], point[1] - thinned[i - 1][1]) <= 3.4));
  assert.deepEqual(thin([[5, 5]]), [[5, 5]]);
  assert.deepEqual(thin([[5, 5], [400, 5]]), [[5, 5], [400, 5]]);
});

test("links of the first form still open", async () => {
  const all = await fromFragment(OLD.all);
  assert.deepEqual(all.wish, { category: "teddy_bear", model: "studio", colour: "#c83020", seed: 123456789 });
  assert.deepEqual(all.strokes, [{erase:false,width:5,points:[[100,120],[101,122.5],[103.5,124],[240.5,130],[240.5,301]]},{erase:true,width:22.5,points:[[10,300.5],[490,299]]},{erase:false,width:2,points:[[-3,515]]}]);
  const apple = await fromFragment(OLD.apple);
  assert.deepEqual(apple.wish, { category: "apple", model: "", colour: "", seed: 0 });
  assert.deepEqual(apple.strokes.map(({ points }) => points.length), [85,15,29,15]);
  assert.deepEqual(apple.strokes.map(({ points }) => points.at(-1)), [[256,174],[286.5,77],[271.5,128],[302,169]]);
  const sum = apple.strokes.flatMap(({ points }) => points.flat()).reduce((a, b) => a + b, 0);
  assert.equal(sum, 74001);
  assert.equal((await fromFragment(OLD.korean)).wish.category, "사과");
  assert.deepEqual((await fromFragment(OLD.empty)).strokes, []);
  assert.equal(await fromFragment(OLD.all.slice(0, 60)), null);
});

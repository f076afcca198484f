// GIF files that decode to the frames that went in; the decoder here is written from the standard, not from the encoder.
import assert from "node:assert/strict";
import test from "node:test";
import { Gif, choosePalette, compress, nearestColours } from "../../../sketch2photo/page/js/gif.js";

/** LZW as GIF89a, appendix F, has it. */
function expand(bytes) {
  let [bits, held, at, size] = [0, 0, 0, 9];
  let table;
  const reset = () => {
    table = Array.from({ length: 258 }, (_, i) => (i < 256 ? [i] : []));
    size = 9;
  };
  reset();
  const out = [];
  let before = null;
  for (;;) {
    while (bits < size) {
      held += bytes[at++] * 2 ** bits;
      bits += 8;
    }
    const code = held % 2 ** size;
    held = Math.floor(held / 2 ** size);
    bits -= size;
    if (code === 256) {
      reset();
      before = null;
    } else if (code === 257) {
      return Uint8Array.from(out);
    } else {
      assert.ok(code <= table.length, `code ${code} of ${table.length}`);
      const string = code < table.length ? table[code] : [...before, before[0]];
      out.push(...string);
      if (before && table.length < 4096) table.push([...before, string[0]]);
      if (table.length === 2 ** size && size < 12) size += 1;
      before = string;
    }
  }
}

/** A generator of the same numbers every time (Park & Miller 1988). */
const random = (seed) => () => (seed = (seed * 48271) % 2147483647) / 2147483647;

test("compressed data comes back, whatever it is", () => {
  const next = random(7);
  const cases = [
    [5], [1, 1], Array(10000).fill(3), Array.from({ length: 100000 }, () => Math.floor(next() * 256)),
    Array.from({ length: 100000 }, (_, i) => (i >> 5) & 255), Array.from({ length: 60000 }, () => Math.floor(next() * 3)),
  ];
  for (let length = 2; length < 600; length += 7) cases.push(Array.from({ length }, () => Math.floor(next() * 256)));
  for (const data of cases) assert.deepEqual(expand(compress(Uint8Array.from(data))), Uint8Array.from(data));
});

test("a quiet picture is small", () => {
  assert.ok(compress(new Uint8Array(90000)).length < 1500);
});

test("the file has a frame for each picture, at its time, and plays for ever", async () => {
  const palette = [[255, 255, 255], [0, 0, 0], [200, 30, 20]];
  const gif = new Gif({ width: 4, height: 2, palette, index: nearestColours(palette) });
  const picture = (...numbers) => Uint8ClampedArray.from(numbers.flatMap((n) => [...palette[n], 255]));
  gif.add(picture(0, 0, 0, 0, 0, 0, 0, 0), 6);
  gif.add(picture(0, 1, 0, 0, 0, 2, 0, 0), 6);
  gif.add(picture(0, 1, 0, 0, 0, 2, 0, 0), 220);
  const file = gif.finish();
  assert.equal(file.type, "image/gif");
  const bytes = Buffer.from(await file.arrayBuffer());
  assert.equal(bytes.toString("latin1", 0, 6), "GIF89a");
  assert.deepEqual([bytes.readUInt16LE(6), bytes.readUInt16LE(8)], [4, 2]);
  assert.ok(bytes.includes("NETSCAPE2.0"));
  const frames = [];
  for (let at = 13 + 3 * 256; bytes[at] !== 0x3b; ) {
    if (bytes[at] === 0x21) {
      if (bytes[at + 1] === 0xf9) frames.push({ delay: bytes.readUInt16LE(at + 4) });
      at += 2;
    } else {
      assert.equal(bytes[at], 0x2c);
      frames.at(-1).box = [1, 3, 5, 7].map((offset) => bytes.readUInt16LE(at + offset));
      at += 11;
    }
    while (bytes[at]) at += bytes[at] + 1;
    at += 1;
  }
  assert.deepEqual(frames, [
    { delay: 6, box: [0, 0, 4, 2] },
    { delay: 6, box: [1, 0, 1, 2] },
    { delay: 220, box: [0, 0, 1, 1] },
  ]);
});

test("the palette keeps paper and ink, and comes close to every colour", () => {
  const next = random(3);
  const pixels = new Uint8ClampedArray(40000 * 4).fill(255);
  for (let i = 0; i < 20000; i += 1) {
    const light = 0.3 + 0.7 * next();
    pixels.set([200 * light, 60 * light, 40 * light + 20 * next(), 255], i * 4);
  }
  const palette = choosePalette([pixels], 255);
  assert.ok(palette.length <= 255 && palette.length > 100);
  assert.deepEqual(palette.slice(0, 2), [[255, 255, 255], [0, 0, 0]]);
  const numbers = nearestColours(palette)(pixels);
  let error = 0;
  numbers.forEach((n, i) => [0, 1, 2].forEach((c) => (error += Math.abs(palette[n][c] - pixels[i * 4 + c]))));
  assert.ok(error / numbers.length / 3 < 3, String(error / numbers.length / 3));
  assert.equal(numbers.at(-1), 0);
});

test("a picture of one colour has a palette too", () => {
  assert.deepEqual(choosePalette([new Uint8ClampedArray(16).fill(255)], 255).slice(0, 2), [[255, 255, 255], [0, 0, 0]]);
});

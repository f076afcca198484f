// Animated GIF (GIF89a): the one moving picture that every browser, phone and chat program opens, written here, since
// browsers write none. The frames share one palette; of each only the box that changed is stored.

/**
 * @typedef {{width: number, height: number, palette: number[][], index: (pixels: Uint8ClampedArray) => Uint8Array}} Look
 *   the palette's colours as [r, g, b], at most 255, and which of them each RGBA pixel becomes
 */

/** Colour numbers are eight bits; the last one stands for "as before". */
const BITS = 8;
const SAME = 255;

export class Gif {
  /** Plays for ever. @param {Look} look */
  constructor(look) {
    this.look = look;
    /** @type {Uint8Array | null} */
    this.before = null;
    /** @type {(Uint8Array | number[])[]} */
    this.parts = [];
    const table = new Uint8Array(3 << BITS);
    look.palette.forEach((colour, i) => table.set(colour, i * 3));
    this.parts.push(
      text("GIF89a"),
      [...short(look.width), ...short(look.height), 0xf0 | (BITS - 1), 0, 0],
      table,
      [0x21, 0xff, 11],
      text("NETSCAPE2.0"),
      [3, 1, 0, 0, 0],
    );
  }

  /** @param {Uint8ClampedArray} pixels RGBA, row by row @param {number} hundredths of a second to show it */
  add(pixels, hundredths) {
    const { width, height } = this.look;
    const now = this.look.index(pixels);
    const [left, top, right, bottom] = this.before ? difference(this.before, now, width, height) : [0, 0, width, height];
    const box = new Uint8Array((right - left) * (bottom - top));
    for (let y = top, at = 0; y < bottom; y += 1) {
      for (let x = left; x < right; x += 1, at += 1) {
        const i = y * width + x;
        box[at] = this.before && this.before[i] === now[i] ? SAME : now[i];
      }
    }
    this.before = now;
    // Leave the frame as it is (disposal 1), the next one is drawn over it; colour SAME is transparent.
    this.parts.push([0x21, 0xf9, 4, (1 << 2) | 1, ...short(hundredths), SAME, 0]);
    this.parts.push([0x2c, ...short(left), ...short(top), ...short(right - left), ...short(bottom - top), 0]);
    this.parts.push([BITS], ...blocks(compress(box)));
  }

  /** @returns {Blob} the file */
  finish() {
    return new Blob([...this.parts, [0x3b]].map((part) => Uint8Array.from(part)), { type: "image/gif" });
  }
}

/** @param {string} word */
const text = (word) => Array.from(word, (letter) => letter.charCodeAt(0));

/** Two bytes, the lower one first. @param {number} value */
const short = (value) => [value & 255, value >> 8];

/** The box in which two frames differ, at least a pixel: left, top, right, bottom. @param {Uint8Array} a @param {Uint8Array} b @param {number} width @param {number} height */
function difference(a, b, width, height) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      if (a[i] === b[i]) continue;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      if (y < top) top = y;
      bottom = y + 1;
    }
  }
  return right > left ? [left, top, right, bottom] : [0, 0, 1, 1];
}

/** Data in blocks of at most 255 bytes, each after its length, and an empty one. @param {Uint8Array} bytes */
function blocks(bytes) {
  const parts = [];
  for (let i = 0; i < bytes.length; i += 255) {
    const block = bytes.subarray(i, i + 255);
    parts.push([block.length], block);
  }
  return [...parts, [0]];
}

/**
 * LZW with codes of 9 to 12 bits (Welch 1984; GIF89a, appendix F), the lowest bits first.
 * @param {Uint8Array} data colour numbers @returns {Uint8Array}
 */
export function compress(data) {
  const clear = 1 << BITS;
  const out = new Uint8Array(Math.ceil(data.length * 1.6) + 16);
  let length = 0;
  let held = 0;
  let bits = 0;
  let size = BITS + 1;
  let next = clear + 2;
  /** The code of a known string and one more colour: at (code << 8 | colour). */
  const codes = new Uint16Array(4096 << BITS);

  const emit = (/** @type {number} */ code) => {
    held |= code << bits;
    for (bits += size; bits >= 8; bits -= 8) {
      out[length++] = held & 255;
      held >>>= 8;
    }
  };

  emit(clear);
  let string = data[0];
  for (let i = 1; i < data.length; i += 1) {
    const place = (string << BITS) | data[i];
    if (codes[place]) {
      string = codes[place];
      continue;
    }
    emit(string);
    if (next === 4096) {
      emit(clear);
      codes.fill(0);
      size = BITS + 1;
      next = clear + 2;
    } else {
      // A code is used the step after it was made, so its length grows one later than its number.
      if (next >> size) size += 1;
      codes[place] = next++;
    }
    string = data[i];
  }
  emit(string);
  if (next >> size && size < 12) size += 1;
  emit(clear + 1);
  if (bits) out[length++] = held & 255;
  return out.subarray(0, length);
}

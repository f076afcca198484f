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

/** Colours are told apart by their upper six bits; finer differences are not seen in moving pictures. */
const FINENESS = 6;
const CELLS = 1 << (3 * FINENESS);

/** @param {number} r @param {number} g @param {number} b */
const cell = (r, g, b) => ((r >> 2) << 12) | ((g >> 2) << 6) | (b >> 2);

/**
 * The palette of a GIF (median cut, Heckbert 1982): at most `most` colours for these pictures, white and black as
 * they are, so that paper and ink stay clean.
 * @param {Uint8ClampedArray[]} pictures RGBA @param {number} most @returns {number[][]}
 */
export function choosePalette(pictures, most) {
  const count = new Uint32Array(CELLS);
  const sums = new Float64Array(CELLS * 3);
  for (const pixels of pictures) {
    for (let i = 0; i < pixels.length; i += 4) {
      const at = cell(pixels[i], pixels[i + 1], pixels[i + 2]);
      count[at] += 1;
      for (let c = 0; c < 3; c += 1) sums[at * 3 + c] += pixels[i + c];
    }
  }
  /** @type {{colour: number[], weight: number}[]} */
  const seen = [];
  for (let at = 0; at < CELLS; at += 1) {
    if (!count[at]) continue;
    // The square root keeps a large white background from taking all the colours for its shades.
    seen.push({ colour: [0, 1, 2].map((c) => sums[at * 3 + c] / count[at]), weight: Math.sqrt(count[at]) });
  }
  const boxes = seen.length ? [measured(seen)] : [];
  while (boxes.length < most - 2) {
    const widest = boxes.reduce((a, b) => (b.error > a.error ? b : a), boxes[0]);
    if (!widest?.error) break;
    const colours = widest.colours.sort((a, b) => a.colour[widest.axis] - b.colour[widest.axis]);
    const half = colours.reduce((sum, each) => sum + each.weight, 0) / 2;
    let cut = 1;
    for (let sum = colours[0].weight; cut < colours.length - 1 && sum + colours[cut].weight <= half; cut += 1) sum += colours[cut].weight;
    boxes.splice(boxes.indexOf(widest), 1, measured(colours.slice(0, cut)), measured(colours.slice(cut)));
  }
  return [[255, 255, 255], [0, 0, 0], ...boxes.map((box) => box.mean.map(Math.round))];
}

/** Colours with their mean, the axis along which they are widest, and their error there. @param {{colour: number[], weight: number}[]} colours */
function measured(colours) {
  const weight = colours.reduce((sum, each) => sum + each.weight, 0);
  const mean = [0, 1, 2].map((c) => colours.reduce((sum, each) => sum + each.colour[c] * each.weight, 0) / weight);
  const errors = [0, 1, 2].map((c) => colours.reduce((sum, each) => sum + each.weight * (each.colour[c] - mean[c]) ** 2, 0));
  const axis = errors.indexOf(Math.max(...errors));
  return { colours, mean, axis, error: colours.length > 1 ? errors[axis] : 0 };
}

/**
 * Which colour of the palette, whose first is white, is nearest to each pixel.
 * @param {number[][]} palette @returns {(pixels: Uint8ClampedArray) => Uint8Array}
 */
export function nearestColours(palette) {
  const known = new Int16Array(CELLS).fill(-1);
  const nearest = (/** @type {number} */ r, /** @type {number} */ g, /** @type {number} */ b) => {
    let best = 0;
    let least = Infinity;
    for (let i = 0; i < palette.length; i += 1) {
      const off = 2 * (palette[i][0] - r) ** 2 + 4 * (palette[i][1] - g) ** 2 + 3 * (palette[i][2] - b) ** 2;
      if (off < least) [best, least] = [i, off];
    }
    return best;
  };
  return (pixels) => {
    const numbers = new Uint8Array(pixels.length / 4);
    for (let i = 0, at = 0; i < pixels.length; i += 4, at += 1) {
      const [r, g, b] = [pixels[i], pixels[i + 1], pixels[i + 2]];
      // Paper has to stay paper; its cell holds whites that are not quite.
      if (r === 255 && g === 255 && b === 255) continue;
      const place = cell(r, g, b);
      if (known[place] < 0) known[place] = nearest(r, g, b);
      numbers[at] = known[place];
    }
    return numbers;
  };
}

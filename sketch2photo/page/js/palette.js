// Few colours that stand for many: the palette of a GIF (median cut, Heckbert 1982).

/** Colours are told apart by their upper six bits; finer differences are not seen in moving pictures. */
const BITS = 6;
const CELLS = 1 << (3 * BITS);

/** @param {number} r @param {number} g @param {number} b */
const cell = (r, g, b) => ((r >> 2) << 12) | ((g >> 2) << 6) | (b >> 2);

/**
 * At most `most` colours for these pictures: white and black as they are, so that paper and ink stay clean, and the
 * rest by median cut.
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

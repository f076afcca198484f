// A photo of a drawing on paper as clean lines: white balance, threshold, specks and the table's edge away.
//
// All of it on plain arrays, so that it runs under node as in the browser.

/**
 * @typedef {{data: Uint8ClampedArray, width: number, height: number}} Pixels RGBA, as of a canvas
 * @typedef {{ink: Float32Array, inside: Uint8Array, width: number, height: number}} Darkness of every pixel 0 paper to 1
 *   ink; and whether it lies on the paper
 */

/** Blocks along the longer side in which the paper's colour is looked for: larger than a line, smaller than a shadow. */
const BLOCKS = 24;
/** Paper in shadow has at least this share of the brightest paper; what is darker is ink or not paper. */
const DARKEST_PAPER = 0.4;
/** From one block to the next, paper changes by less than this, even at a shadow's edge. */
const LEAST_STEP = 0.8;

/** How dark each pixel is beside the paper around it. @param {Pixels} pixels @returns {Darkness} */
export function darkness({ data, width, height }) {
  const rgb = opaque(data);
  if (median(rgb) < 100) for (let i = 0; i < rgb.length; i += 1) rgb[i] = 255 - rgb[i]; // chalk on a board
  const size = Math.max(8, Math.ceil(Math.max(width, height) / BLOCKS));
  const [columns, rows] = [Math.ceil(width / size), Math.ceil(height / size)];
  const paper = [0, 1, 2].map((channel) => paperMap(rgb, channel, width, height, size, columns, rows));
  const on = sheetBlocks(paper, columns, rows);
  const [ink, inside] = [new Float32Array(width * height), new Uint8Array(width * height)];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const i = y * width + x;
      let lightest = 1;
      for (let channel = 0; channel < 3; channel += 1) {
        lightest = Math.min(lightest, rgb[3 * i + channel] / between(paper[channel], columns, rows, x / size - 0.5, y / size - 0.5));
      }
      ink[i] = 1 - Math.max(0, lightest);
      inside[i] = on[Math.floor(y / size) * columns + Math.floor(x / size)];
    }
  }
  return { ink, inside, width, height };
}

/** RGB on white; light lines on nothing come on black. @param {Uint8ClampedArray} data */
function opaque(data) {
  let [seen, light] = [0, 0];
  for (let i = 0; i < data.length; i += 4) {
    seen += data[i + 3];
    light += (data[i + 3] * (data[i] + data[i + 1] + data[i + 2])) / 765;
  }
  const ground = seen < 0.9 * 255 * (data.length / 4) && light > 0.7 * seen ? 0 : 255;
  const rgb = new Uint8ClampedArray((data.length / 4) * 3);
  for (let i = 0; i < data.length / 4; i += 1) {
    const cover = data[4 * i + 3] / 255;
    for (let c = 0; c < 3; c += 1) rgb[3 * i + c] = cover * data[4 * i + c] + (1 - cover) * ground;
  }
  return rgb;
}

/** @param {ArrayLike<number>} values 0 to 255 */
function median(values) {
  return quantile(histogram(values, 0, values.length, 7), 0.5);
}

/** @param {ArrayLike<number>} values @param {number} from @param {number} to @param {number} step */
function histogram(values, from, to, step, counts = new Uint32Array(256)) {
  for (let i = from; i < to; i += step) counts[values[i]] += 1;
  return counts;
}

/** @param {Uint32Array} counts @param {number} share */
function quantile(counts, share) {
  let left = share * counts.reduce((sum, count) => sum + count, 0);
  for (let value = 0; value < counts.length; value += 1) {
    left -= counts[value];
    if (left < 0) return value;
  }
  return counts.length - 1;
}

/**
 * The paper's brightness in every block: what most of a block is, if lines are thin.
 * @param {Uint8ClampedArray} rgb @param {number} channel @param {number} width @param {number} height
 * @param {number} size @param {number} columns @param {number} rows
 */
function paperMap(rgb, channel, width, height, size, columns, rows) {
  const map = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const counts = new Uint32Array(256);
      for (let y = row * size; y < Math.min(height, (row + 1) * size); y += 2) {
        const start = 3 * (y * width + column * size) + channel;
        histogram(rgb, start, start + 3 * (Math.min(width, (column + 1) * size) - column * size), 6, counts);
      }
      map[row * columns + column] = quantile(counts, 0.8);
    }
  }
  const floor = DARKEST_PAPER * quantile(histogram(Uint8Array.from(map), 0, map.length, 1), 0.9);
  return map.map((value) => Math.max(value, floor, 1));
}

/** Linear between the blocks' middles. @param {Float32Array} map @param {number} columns @param {number} rows @param {number} x @param {number} y */
function between(map, columns, rows, x, y) {
  const [left, top] = [Math.max(0, Math.min(columns - 1, Math.floor(x))), Math.max(0, Math.min(rows - 1, Math.floor(y)))];
  const [right, bottom] = [Math.min(columns - 1, left + 1), Math.min(rows - 1, top + 1)];
  const [across, down] = [Math.max(0, Math.min(1, x - left)), Math.max(0, Math.min(1, y - top))];
  const upper = map[top * columns + left] * (1 - across) + map[top * columns + right] * across;
  const lower = map[bottom * columns + left] * (1 - across) + map[bottom * columns + right] * across;
  return upper * (1 - down) + lower * down;
}

/**
 * The blocks on the sheet of paper: the largest patch without a step in brightness, if it is not small. A shadow comes
 * gradually; a table begins at an edge.
 * @param {Float32Array[]} paper @param {number} columns @param {number} rows
 */
function sheetBlocks(paper, columns, rows) {
  const light = paper[0].map((red, i) => red + paper[1][i] + paper[2][i]);
  const alike = (/** @type {number} */ i, /** @type {number} */ j) => Math.min(light[i], light[j]) > LEAST_STEP * Math.max(light[i], light[j]);
  const { labels, areas } = components(columns, rows, () => true, alike);
  const shine = areas.map((area, label) => area * light.reduce((sum, value, i) => sum + (labels[i] === label ? value : 0), 0));
  const sheet = shine.indexOf(Math.max(...shine));
  if (areas[sheet] < 0.15 * light.length) return new Uint8Array(light.length).fill(1);
  const on = Uint8Array.from(labels, (label) => Number(label === sheet));
  // Dark fills of the drawing lie within the sheet: between paper on the left and right, and above and below.
  return on.map((_, i) => Number(on[i] || enclosed(on, i, columns, rows)));
}

/** @param {Uint8Array} on @param {number} i @param {number} columns @param {number} rows */
function enclosed(on, i, columns, rows) {
  const [x, y] = [i % columns, Math.floor(i / columns)];
  const row = on.subarray(y * columns, (y + 1) * columns);
  const column = Uint8Array.from({ length: rows }, (_, k) => on[k * columns + x]);
  return row.subarray(0, x).includes(1) && row.subarray(x + 1).includes(1) && column.subarray(0, y).includes(1) && column.subarray(y + 1).includes(1);
}

/**
 * Patches of neighbouring cells, eight neighbours each.
 * @param {number} width @param {number} height @param {(i: number) => boolean} belongs
 * @param {(i: number, j: number) => boolean} alike whether two neighbours are of one patch
 * @returns {{labels: Int32Array, areas: number[], boxes: number[][]}} labels -1 for none; boxes left, top, right, bottom
 */
export function components(width, height, belongs, alike = () => true) {
  const labels = new Int32Array(width * height).fill(-1);
  /** @type {number[]} */
  const areas = [];
  /** @type {number[][]} */
  const boxes = [];
  const waiting = [];
  for (let start = 0; start < labels.length; start += 1) {
    if (labels[start] >= 0 || !belongs(start)) continue;
    const label = areas.length;
    const box = [width, height, -1, -1];
    labels[start] = label;
    areas.push(0);
    waiting.push(start);
    while (waiting.length) {
      const i = /** @type {number} */ (waiting.pop());
      const [x, y] = [i % width, Math.floor(i / width)];
      areas[label] += 1;
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v += 1) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u += 1) {
          const j = v * width + u;
          if (labels[j] < 0 && belongs(j) && alike(i, j)) {
            labels[j] = label;
            waiting.push(j);
          }
        }
      }
    }
    boxes.push(box);
  }
  return { labels, areas, boxes };
}

// A drawing as it was before it was finished.

/** @typedef {import("./strokes.js").Stroke} Stroke */

/**
 * The first part of a drawing, as it was after `share` of the pen's way.
 * @param {Stroke[]} strokes @param {number} share 0 to 1
 */
export function upTo(strokes, share) {
  const way = strokes.map((stroke) => lengthOf(stroke.points));
  // A touch of the pen counts too, or a drawing of dots would take no time.
  let left = share * way.reduce((sum, length) => sum + length + 1, 0);
  const part = [];
  for (let i = 0; i < strokes.length && left > 0; i += 1) {
    part.push(left > way[i] ? strokes[i] : { ...strokes[i], points: cut(strokes[i].points, left) });
    left -= way[i] + 1;
  }
  return part;
}

/** @param {number[][]} points */
const lengthOf = (points) => points.reduce((sum, point, i) => sum + (i ? Math.hypot(point[0] - points[i - 1][0], point[1] - points[i - 1][1]) : 0), 0);

/** A line's first `length` units. @param {number[][]} points @param {number} length */
function cut(points, length) {
  const kept = [points[0]];
  for (let i = 1, left = length; i < points.length; i += 1) {
    const [from, to] = [points[i - 1], points[i]];
    const step = Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (step >= left) {
      const share = step ? left / step : 0;
      return [...kept, [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]];
    }
    kept.push(to);
    left -= step;
  }
  return kept;
}

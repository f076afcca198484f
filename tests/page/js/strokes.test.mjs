// Strokes as vectors: undo, redo, clear, and curves that do not change when they grow.
import assert from "node:assert/strict";
import test from "node:test";
import { Drawing, LONGEST_WAY_BACK, drawGrowth, drawStroke, drawTail, isCorner, upTo } from "../../../sketch2photo/page/js/strokes.js";

const line = (drawing, x, erase = false) => {
  drawing.begin([x, 0], { width: 4, erase });
  drawing.extend([x, 50]);
  drawing.end();
};
const places = (drawing) => drawing.strokes.map((stroke) => stroke.points[0][0]);

test("undo and redo go back and forth, a new stroke ends the way forth", () => {
  const drawing = new Drawing();
  for (const x of [1, 2, 3]) line(drawing, x);
  assert.equal(drawing.undo() && drawing.undo(), true);
  assert.deepEqual(places(drawing), [1]);
  assert.equal(drawing.redo(), true);
  assert.deepEqual(places(drawing), [1, 2]);
  line(drawing, 9);
  assert.equal(drawing.canRedo, false);
  assert.equal(drawing.redo(), false);
  assert.deepEqual(places(drawing), [1, 2, 9]);
});

test("clear empties the sheet and undo brings all back", () => {
  const drawing = new Drawing();
  line(drawing, 1);
  line(drawing, 2);
  assert.equal(drawing.clear(), true);
  assert.equal(drawing.blank, true);
  assert.deepEqual(drawing.strokes, []);
  assert.equal(drawing.clear(), false);
  line(drawing, 3);
  assert.deepEqual(places(drawing), [3]);
  drawing.undo();
  drawing.undo();
  assert.deepEqual(places(drawing), [1, 2]);
  drawing.redo();
  assert.equal(drawing.blank, true);
});

test("a sheet with nothing but eraser strokes is blank; the stroke being drawn counts", () => {
  const drawing = new Drawing();
  line(drawing, 1, true);
  assert.equal(drawing.blank, true);
  drawing.begin([5, 5], { width: 4, erase: false });
  assert.equal(drawing.blank, false);
});

test("points on the spot are dropped", () => {
  const drawing = new Drawing();
  drawing.begin([10, 10], { width: 4, erase: false });
  assert.equal(drawing.extend([10.3, 10.2]), false);
  assert.equal(drawing.extend([12, 10]), true);
  assert.equal(drawing.current.points.length, 2);
});

test("undoing nothing is no step", () => {
  const drawing = new Drawing();
  assert.equal(drawing.undo(), false);
  assert.equal(drawing.redo(), false);
});

test("a sheet that begins with something is one step back and one forth", () => {
  const drawing = new Drawing();
  line(drawing, 1);
  drawing.begins([{ erase: false, width: 4, points: [[7, 7]] }, { erase: false, width: 4, points: [[8, 8]] }]);
  line(drawing, 2);
  assert.deepEqual(places(drawing), [7, 8, 2]);
  drawing.undo();
  assert.deepEqual(places(drawing), [7, 8]);
  drawing.undo();
  assert.deepEqual(places(drawing), [1]);
  drawing.redo();
  assert.deepEqual(places(drawing), [7, 8]);
  assert.equal(drawing.picture, "");
});

test("a picture that was imported is no blank sheet, and clear takes it away", () => {
  const drawing = new Drawing();
  drawing.begins([], "data:image/png;base64,AA");
  assert.equal(drawing.blank, false);
  assert.equal(drawing.picture, "data:image/png;base64,AA");
  line(drawing, 3);
  assert.equal(drawing.clear(), true);
  assert.equal(drawing.picture, "");
  assert.equal(drawing.blank, true);
  drawing.undo();
  assert.deepEqual([drawing.picture.length > 0, places(drawing)], [true, [3]]);
});

test("a dropped stroke leaves nothing, not even a step", () => {
  const drawing = new Drawing();
  line(drawing, 1);
  drawing.begin([5, 5], { width: 4, erase: false });
  drawing.drop();
  drawing.end();
  assert.deepEqual(places(drawing), [1]);
  assert.equal(drawing.done.length, 1);
});

test("the way back is bounded, and a long drawing stays whole", () => {
  const drawing = new Drawing();
  const many = LONGEST_WAY_BACK + 250;
  for (let x = 0; x < many; x += 1) line(drawing, x);
  assert.equal(drawing.strokes.length, many);
  let back = 0;
  while (drawing.undo()) back += 1;
  assert.equal(back, LONGEST_WAY_BACK);
  assert.equal(drawing.strokes.length, 250);
  while (drawing.redo());
  assert.equal(drawing.strokes.length, many);
});

test("sheets that nobody can come back to are forgotten", () => {
  const drawing = new Drawing();
  for (let i = 0; i < 20 * LONGEST_WAY_BACK; i += 1) {
    line(drawing, i);
    if (i % 10 === 9) drawing.clear();
  }
  assert.ok(drawing.done.length <= LONGEST_WAY_BACK + 20, String(drawing.done.length));
  while (drawing.undo());
  while (drawing.redo());
  assert.equal(drawing.blank, true);
});

/** Notes the pieces that are drawn: from, (control,) to. */
function notebook() {
  const pieces = [];
  let at = null;
  const to = (...numbers) => {
    pieces.push([...at, ...numbers]);
    at = numbers.slice(-2);
  };
  return {
    pieces,
    beginPath() {},
    stroke() {},
    moveTo: (x, y) => {
      at = [x, y];
    },
    lineTo: to,
    quadraticCurveTo: to,
  };
}

test("a stroke drawn as it grows, and its end, are the stroke drawn at once", () => {
  const points = Array.from({ length: 30 }, (_, i) => [i * 10, 50 * Math.sin(i)]);
  const whole = notebook();
  drawStroke(whole, { erase: false, width: 4, points });
  const grown = notebook();
  let drawn = 0;
  for (const length of [1, 2, 3, 4, 9, 10, 30]) {
    drawn = drawGrowth(grown, { erase: false, width: 4, points: points.slice(0, length) }, drawn);
  }
  drawTail(grown, { erase: false, width: 4, points });
  assert.deepEqual(grown.pieces, whole.pieces);
  assert.equal(whole.pieces.length, 29 + points.slice(1, -1).filter((_, i) => isCorner(points, i + 1)).length);
  assert.deepEqual(whole.pieces[0].slice(0, 2), points[0]);
  assert.deepEqual(whole.pieces.at(-1).slice(2), points.at(-1));
});

test("a corner of a fast stroke stays, a fast curve stays round", () => {
  const points = [[0, 0], [200, 0], [200, 200], [260, 220]];
  const corner = notebook();
  drawStroke(corner, { erase: false, width: 4, points });
  assert.ok(corner.pieces.some((piece) => piece.slice(-2).join() === "200,0"), "the line goes to the corner itself");
  const round = Array.from({ length: 9 }, (_, i) => [100 * Math.cos((i * Math.PI) / 4), 100 * Math.sin((i * Math.PI) / 4)]);
  assert.ok(round.slice(1, -1).every((_, i) => !isCorner(round, i + 1)));
});

test("a click is a dot and two points are a line", () => {
  const dot = notebook();
  drawStroke(dot, { erase: false, width: 4, points: [[5, 5]] });
  assert.deepEqual(dot.pieces, [[5, 5, 5.01, 5]]);
  const two = { erase: false, width: 4, points: [[0, 0], [9, 9]] };
  for (const draw of [drawStroke, drawTail]) {
    const line = notebook();
    assert.equal(drawGrowth(line, two, 0), 0);
    draw(line, two);
    assert.deepEqual(line.pieces, [[0, 0, 9, 9]]);
  }
});

test("a drawing grows along its strokes", () => {
  const line = { erase: false, width: 5, points: [[0, 0], [100, 0], [100, 99]] };
  const dot = { erase: false, width: 5, points: [[50, 50]] };
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

test("hints alone are no drawing, and lie under the ink as they are", () => {
  const drawing = new Drawing();
  drawing.begin([5, 5], { width: 16, erase: false, colour: "#c23b2e" });
  drawing.end();
  assert.equal(drawing.blank, true);
  assert.equal(drawing.strokes[0].colour, "#c23b2e");
  const operations = [];
  const context = new Proxy({}, {
    get: () => () => {},
    set: (_, name, value) => name !== "globalCompositeOperation" || operations.push(value),
  });
  for (const stroke of [drawing.strokes[0], { erase: false, width: 4, points: [[1, 1]] }]) drawStroke(context, stroke);
  assert.deepEqual(operations, ["darken", "source-over", "source-over", "source-over"]);
});

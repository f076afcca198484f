// The unfinished drawing, as text and back.
import assert from "node:assert/strict";
import test from "node:test";
import { DraftKeeper, pack, unpack } from "../../../sketch2photo/page/js/draft.js";

const DRAFT = {
  strokes: [
    { erase: false, width: 5, points: [[1.24, 2], [3, 4.06]] },
    { erase: true, width: 20, points: [[9, 9]] },
  ],
  picture: "data:image/png;base64,AAAA",
  wish: { category: "shoe", seed: 3 },
};

/** A Storage of our own, which may be full. */
function shelf(full = false) {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, text) => {
      if (full) throw new Error("QuotaExceededError");
      kept.set(key, text);
    },
    kept,
  };
}

test("a draft comes back as it was, to a tenth of a unit", () => {
  const back = unpack(pack(DRAFT));
  assert.deepEqual(back.strokes[0], { erase: false, width: 5, points: [[1.2, 2], [3, 4.1]] });
  assert.deepEqual(back.strokes[1], DRAFT.strokes[1]);
  assert.equal(back.picture, DRAFT.picture);
  assert.deepEqual(back.wish, DRAFT.wish);
});

test("a draft that an earlier page wrote comes back", () => {
  const text = '{"version":1,"strokes":[[0,5,1.2,2,3,4.1],[1,20,9,9]],"picture":"data:image/png;base64,AAAA","wish":{"category":"shoe","seed":3}}';
  assert.equal(pack(DRAFT), text);
  assert.deepEqual(unpack(text).strokes[1], DRAFT.strokes[1]);
});

test("anything else is no draft, and a picture from elsewhere is left out", () => {
  const whole = pack(DRAFT);
  for (const text of [null, "", "null", "7", "{", "[]", '{"version":2,"strokes":[]}', whole.slice(0, -9), whole.replace("[1,", '["x",').replace("20", '"x"'), '{"version":1,"strokes":[[0,5,1]]}', '{"version":1,"strokes":[null]}']) {
    assert.equal(unpack(text), null, text);
  }
  assert.equal(unpack(whole.replace("data:image/png;base64,AAAA", "https://example.org/a.png")).picture, "");
});

test("it is written once the hand rests, to every place that has room, and a tab's own and the last of any are told apart", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const [full, good] = [shelf(true), shelf()];
  const keeper = new DraftKeeper(() => DRAFT, [full, good]);
  assert.deepEqual(keeper.load(), { own: null, last: null });
  keeper.touch();
  t.mock.timers.tick(300);
  keeper.touch();
  t.mock.timers.tick(300);
  assert.equal(good.kept.size, 0);
  t.mock.timers.tick(200);
  assert.equal(good.kept.size, 1);
  assert.equal(keeper.load().own, null);
  assert.deepEqual(keeper.load().last.wish, DRAFT.wish);
  good.kept.clear();
  keeper.flush();
  assert.equal(good.kept.size, 0);
  keeper.touch();
  keeper.flush();
  assert.equal(good.kept.size, 1);
});

// One request at a time, the newest drawing next, patience when it fails; on a clock of our own.
import assert from "node:assert/strict";
import test from "node:test";
import { Live } from "../../../sketch2photo/page/js/live.js";

/** A Live whose server answers when told to, and what it showed and said. */
function setUp(t) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const seen = { asked: [], shown: [], said: [], settled: 0 };
  const pending = [];
  const live = new Live({
    ask: (seq) => {
      seen.asked.push(seq);
      return new Promise((answer, fail) => pending.push({ answer, fail }));
    },
    show: (reply) => {
      seen.shown.push(reply.seq);
    },
    say: (state) => seen.said.push(state),
    settle: () => {
      seen.settled += 1;
    },
  });
  const flush = async () => {
    for (let i = 0; i < 20; i += 1) await Promise.resolve();
  };
  const answer = async (reply) => {
    pending.shift().answer(reply);
    await flush();
  };
  const fail = async () => {
    pending.shift().fail(new Error("no network"));
    await flush();
  };
  const pass = async (milliseconds) => {
    t.mock.timers.tick(milliseconds);
    await flush();
  };
  return { live, seen, answer, fail, pass };
}

test("asks at once, then one at a time, the newest only, and not more often than every 60 ms", async (t) => {
  const { live, seen, answer, pass } = setUp(t);
  live.want(true);
  live.want(true);
  live.want(true);
  assert.deepEqual(seen.asked, [1]);
  await answer({ seq: 1, photo: "a" });
  assert.deepEqual(seen.shown, [1]);
  assert.deepEqual(seen.asked, [1]);
  await pass(59);
  assert.deepEqual(seen.asked, [1]);
  await pass(1);
  assert.deepEqual(seen.asked, [1, 2]);
  assert.equal(live.settled, false);
  await answer({ seq: 2, photo: "b" });
  assert.equal(live.settled, true);
  assert.equal(seen.settled, 1);
  await pass(1000);
  assert.deepEqual(seen.asked, [1, 2]);
});

test("what the pen leaves behind is asked for as soon as the line is free", async (t) => {
  const { live, seen, answer, pass } = setUp(t);
  live.want(true);
  live.want(true);
  live.want();
  live.want(true);
  assert.deepEqual(seen.asked, [1]);
  await pass(5);
  await answer({ seq: 1, photo: "a" });
  assert.deepEqual(seen.asked, [1, 2]);
  live.want(true);
  await answer({ seq: 2, photo: "b" });
  assert.deepEqual(seen.asked, [1, 2]);
  await pass(60);
  assert.deepEqual(seen.asked, [1, 2, 3]);
});

test("busy and offline are said, waited out longer each time, and recovered from", async (t) => {
  const { live, seen, answer, fail, pass } = setUp(t);
  live.want();
  await answer({ seq: 1, busy: "many people" });
  assert.deepEqual(seen.said, ["busy"]);
  await pass(499);
  assert.deepEqual(seen.asked, [1]);
  await pass(1);
  assert.deepEqual(seen.asked, [1, 2]);
  await fail();
  assert.equal(seen.said.at(-1), "offline");
  await pass(999);
  assert.deepEqual(seen.asked, [1, 2]);
  await pass(1);
  await answer({ seq: 3, photo: "c" });
  assert.deepEqual(seen.shown, [3]);
  assert.equal(seen.said.at(-1), "idle");
  assert.equal(live.settled, true);
});

test("the wait grows to four seconds and no further; back on the network it is over", async (t) => {
  const { live, seen, fail, pass } = setUp(t);
  live.want();
  for (let i = 0; i < 8; i += 1) {
    await fail();
    await pass(4000);
  }
  assert.equal(seen.asked.length, 9);
  await fail();
  live.retry();
  assert.equal(seen.asked.length, 10);
});

test("an answer that never comes counts as lost, and is dropped when it comes after a newer one", async (t) => {
  const { live, seen, pass, answer } = setUp(t);
  live.want();
  await pass(20000);
  assert.equal(seen.said.at(-1), "offline");
  await pass(500);
  assert.deepEqual(seen.asked, [1, 2]);
  await answer({ seq: 1, photo: "old" });
  assert.deepEqual(seen.shown, []);
  await answer({ seq: 2, photo: "new" });
  assert.deepEqual(seen.shown, [2]);
});

test("what is forgotten is not shown, nor asked for again", async (t) => {
  const { live, seen, answer, fail, pass } = setUp(t);
  live.want();
  live.forget();
  await answer({ seq: 1, photo: "a" });
  assert.deepEqual(seen.shown, []);
  await pass(100);
  live.want();
  live.forget();
  await fail();
  await pass(10000);
  assert.deepEqual(seen.asked, [1, 2]);
  assert.equal(live.settled, true);
});

test("a refused drawing is not sent again, the next one is", async (t) => {
  const { live, seen, answer, pass } = setUp(t);
  live.want();
  await answer({ seq: 1, error: "no such category" });
  assert.deepEqual(seen.said, ["error"]);
  await pass(5000);
  assert.deepEqual(seen.asked, [1]);
  live.want();
  assert.deepEqual(seen.asked, [1, 2]);
});

test("stale answers show nothing", async (t) => {
  const { live, seen, answer } = setUp(t);
  live.want();
  await answer({ seq: 1, stale: true });
  assert.deepEqual(seen.shown, []);
  assert.equal(live.settled, true);
});

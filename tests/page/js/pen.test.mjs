// The tremble goes, the stroke does not lag.
import assert from "node:assert/strict";
import test from "node:test";
import { Smoother } from "../../../sketch2photo/page/js/pen.js";

/** A hand that moves to the right at `speed` units a second and trembles by `tremble` units, at 120 events a second. */
function hand(speed, tremble) {
  let state = 7;
  const noise = () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647 - 0.5) * 2 * tremble;
  };
  return Array.from({ length: 120 }, (_, i) => ({ at: [(i / 120) * speed, 100 + noise()], time: 1000 + (i * 1000) / 120 }));
}

const smoothed = (events) => {
  const smoother = new Smoother();
  smoother.start(events[0].at, events[0].time);
  return events.slice(1).map(({ at, time }) => smoother.next(at, time));
};
const spread = (points) => {
  const mean = points.reduce((sum, p) => sum + p[1], 0) / points.length;
  return Math.sqrt(points.reduce((sum, p) => sum + (p[1] - mean) ** 2, 0) / points.length);
};

test("a slow hand's tremble is at least halved", () => {
  const events = hand(60, 1.5);
  const before = spread(events.map(({ at }) => at));
  assert.ok(spread(smoothed(events)) < before / 2);
});

test("a fast pen's line stays within four units of it, and of half a frame", () => {
  for (const speed of [300, 900, 2500]) {
    const events = hand(speed, 0);
    const behind = events.slice(1).map(({ at }, i) => at[0] - smoothed(events)[i][0]);
    const lag = Math.max(...behind.slice(10));
    assert.ok(lag >= 0 && lag < Math.max(4, speed / 120), `${lag} units behind at ${speed}`);
  }
});

test("events with the same or an earlier time stamp do no harm", () => {
  const smoother = new Smoother();
  smoother.start([0, 0], 5);
  for (const time of [5, 5, 4, 6]) {
    const [x, y] = smoother.next([10, 20], time);
    assert.ok(x >= 0 && x <= 10 && y >= 0 && y <= 20);
  }
});

test("a pen that stands still is reached", () => {
  const smoother = new Smoother();
  smoother.start([0, 0], 0);
  let point = [0, 0];
  for (let time = 8; time < 400; time += 8) point = smoother.next([10, 0], time);
  assert.ok(Math.abs(point[0] - 10) < 0.1);
});

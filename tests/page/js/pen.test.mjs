// The tremble goes, the stroke does not lag.
import assert from "node:assert/strict";
import test from "node:test";
import { Smoother, followPen } from "../../../sketch2photo/page/js/pen.js";

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

/** A sheet of 512 pixels a side in a window, and what the page hears of the pen on it. */
function desk() {
  const view = new EventTarget();
  const sheet = new EventTarget();
  sheet.getBoundingClientRect = () => ({ left: 0, top: 0, width: 512, height: 512 });
  sheet.setPointerCapture = () => {};
  const heard = [];
  const lift = followPen(
    sheet,
    { start: (point) => heard.push(`start ${point}`), move: () => heard.push("move"), end: () => heard.push("end"), drop: () => heard.push("drop") },
    view,
  );
  let time = 1000;
  /** Events reach the window before the sheet. */
  const send = (kind, fields = {}, { on = sheet, after = 8 } = {}) => {
    time += after;
    const values = { pointerId: 1, pointerType: "mouse", isPrimary: true, button: 0, buttons: 1, clientX: 100, clientY: 100, timeStamp: time, target: on, ...fields };
    for (const target of on === sheet ? [view, sheet] : [view]) {
      const event = new Event(kind, { cancelable: true });
      for (const [name, value] of Object.entries(values)) Object.defineProperty(event, name, { value });
      target.dispatchEvent(event);
    }
  };
  const strokes = () => heard.filter((each) => each !== "move").map((each) => each.split(" ")[0]);
  return { send, lift, heard, strokes };
}

const touch = (fields = {}) => ({ pointerType: "touch", pointerId: 11, ...fields });
const second = (fields = {}) => touch({ pointerId: 12, isPrimary: false, clientX: 300, ...fields });

for (const [name, kind, fields] of [
  ["a release", "pointerup", { buttons: 0 }],
  ["a cancel", "pointercancel", {}],
  ["lost capture", "lostpointercapture", {}],
  ["a move without a button, its release unheard", "pointermove", { buttons: 0, clientX: 400 }],
  ["a context menu", "contextmenu", {}],
  ["a window that loses the focus", "blur", {}],
]) {
  test(`a stroke ends with ${name}`, () => {
    const { send, heard, strokes } = desk();
    send("pointerdown");
    send("pointermove", { clientX: 140 });
    send(kind, fields, { on: null });
    assert.deepEqual(strokes(), ["start", "end"]);
    const before = heard.length;
    send("pointermove", { clientX: 300 });
    assert.equal(heard.length, before, "nothing is drawn after it");
    send("pointerdown");
    assert.deepEqual(strokes(), ["start", "end", "start"]);
  });
}

test("a new press ends the stroke whose release was lost, with mouse, pen and finger", () => {
  for (const pointerType of ["mouse", "pen", "touch"]) {
    const { send, strokes } = desk();
    send("pointerdown", { pointerType });
    send("pointermove", { pointerType, clientX: 150 });
    send("pointerdown", { pointerType, pointerId: 2, clientX: 300 }, { after: 3000 });
    send("pointermove", { pointerType, pointerId: 2, clientX: 350 });
    assert.deepEqual(strokes(), ["start", "end", "start"]);
    send("pointerdown", { pointerType, pointerId: 3 }, { on: null }); // beside the sheet
    assert.deepEqual(strokes(), ["start", "end", "start", "end"]);
  }
});

test("the page can lift the pen", () => {
  const { send, lift, strokes } = desk();
  lift();
  send("pointerdown");
  lift();
  lift();
  send("pointerup");
  assert.deepEqual(strokes(), ["start", "end"]);
});

test("two fingers leave nothing, and nothing is blocked after them", () => {
  const { send, strokes, heard } = desk();
  send("pointerdown", touch());
  send("pointermove", touch({ clientX: 103 }));
  send("pointerdown", second(), { after: 30 });
  for (const x of [120, 160, 200]) {
    send("pointermove", touch({ clientX: x }));
    send("pointermove", second({ clientX: 400 - x }));
  }
  send("pointerup", touch());
  send("pointerup", second());
  assert.deepEqual(heard, []);
  send("pointerdown", touch({ pointerId: 13 }));
  send("pointermove", touch({ pointerId: 13, clientX: 120 }));
  assert.deepEqual(strokes(), ["start"]);
});

test("a second finger that comes late takes a short stroke away, and leaves a long one alone", () => {
  const short = desk();
  short.send("pointerdown", touch());
  short.send("pointermove", touch({ clientX: 108 }));
  short.send("pointerdown", second(), { after: 150 });
  short.send("pointermove", touch({ clientX: 200 }));
  assert.deepEqual(short.strokes(), ["start", "drop"]);
  const long = desk();
  long.send("pointerdown", touch());
  long.send("pointermove", touch({ clientX: 200 }));
  long.send("pointerdown", second());
  long.send("pointermove", touch({ clientX: 220 }));
  long.send("pointerup", touch());
  assert.deepEqual(long.strokes(), ["start", "end"]);
});

test("a finger draws from where it came down: after some pixels, some time, or as a tap", async () => {
  const far = desk();
  far.send("pointerdown", touch());
  assert.deepEqual(far.heard, []);
  far.send("pointermove", touch({ clientX: 108 }));
  assert.deepEqual(far.heard, ["start 100,100", "move"]);
  const long = desk();
  long.send("pointerdown", touch());
  await new Promise((done) => setTimeout(done, 120));
  assert.deepEqual(long.heard, ["start 100,100"]);
  const tap = desk();
  tap.send("pointerdown", touch());
  tap.send("pointerup", touch());
  assert.deepEqual(tap.strokes(), ["start", "end"]);
});

test("a palm neither draws nor ends the stylus's stroke, and goes when it came first", () => {
  const pen = (fields = {}) => ({ pointerType: "pen", pointerId: 5, ...fields });
  const { send, strokes } = desk();
  send("pointerdown", touch());
  send("pointermove", touch({ clientX: 110 }));
  send("pointerdown", pen());
  send("pointerdown", touch({ pointerId: 14 }));
  send("pointerdown", touch({ pointerId: 15 }), { on: null });
  send("pointermove", pen({ clientX: 150 }));
  send("pointerup", pen());
  assert.deepEqual(strokes(), ["start", "drop", "start", "end"]);
});

test("a finger that rests is shown no menu", () => {
  const { send, strokes } = desk();
  send("pointerdown", touch());
  send("pointermove", touch({ clientX: 110 }));
  send("contextmenu", touch());
  assert.deepEqual(strokes(), ["start"]);
  send("pointerup", touch());
  assert.deepEqual(strokes(), ["start", "end"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { frameStatistics, paint } from "../../static/js/participant/clock.js";
import { choiceOfKey, earlyPresses, response } from "../../static/js/participant/input.js";
import { pictureSize, roomFor } from "../../static/js/participant/size.js";
import { Stimuli } from "../../static/js/participant/stimuli.js";

const KEYS = [["f", "ArrowLeft"], ["j", "ArrowRight"]];
const press = (key, more = {}) => Object.assign(new Event("keydown"), { key, ...more });

test("the printed label decides which key it is; repeats and shortcuts are no answer", () => {
  const means = (key, more) => choiceOfKey({ key, ...more }, KEYS);
  assert.equal(means("f"), 0);
  assert.equal(means("F"), 0);
  assert.equal(means("j", { code: "KeyH" }), 1);
  assert.equal(means("ArrowRight"), 1);
  assert.equal(means("f", { repeat: true }), null);
  assert.equal(means("f", { ctrlKey: true }), null);
  assert.equal(means("x"), null);
});

test("a key press is one answer, with the event's own time", async () => {
  const target = new EventTarget();
  const answered = response({ buttons: [], keys: KEYS, target });
  target.dispatchEvent(press("x"));
  const event = press("j");
  target.dispatchEvent(event);
  target.dispatchEvent(press("f"));
  assert.deepEqual(await answered, { choice: 1, source: "keyboard", t: event.timeStamp });
});

test("a pointer's time is that of its going down, but only a click commits", async () => {
  const buttons = [new EventTarget(), new EventTarget()];
  const answered = response({ buttons, keys: KEYS, target: new EventTarget() });
  buttons[0].dispatchEvent(Object.assign(new Event("pointerdown"), { pointerType: "touch" })); // moved away again
  const down = Object.assign(new Event("pointerdown"), { pointerType: "mouse" });
  buttons[1].dispatchEvent(down);
  await new Promise((resolve) => setTimeout(resolve, 20));
  buttons[1].dispatchEvent(Object.assign(new Event("click"), { detail: 1 }));
  assert.deepEqual(await answered, { choice: 1, source: "mouse", t: down.timeStamp });
});

test("a pause takes the listeners away", async () => {
  const target = new EventTarget();
  const stop = new AbortController();
  const answered = response({ buttons: [], keys: KEYS, target, signal: stop.signal });
  stop.abort();
  await assert.rejects(answered, { name: "AbortError" });
});

test("presses before the pictures are counted and are no answer", () => {
  const target = new EventTarget();
  const count = earlyPresses(KEYS, target);
  target.dispatchEvent(press("f"));
  target.dispatchEvent(press("q"));
  target.dispatchEvent(press("j"));
  assert.equal(count(), 2);
  target.dispatchEvent(press("j"));
  assert.equal(count(), 2);
});

test("pictures are written and the onset taken in one and the same frame", async () => {
  const order = [];
  const onset = await paint(() => order.push("written"), (callback) => { order.push("frame"); callback(42); });
  assert.equal(onset, 42);
  assert.deepEqual(order, ["frame", "written"]);
});

test("dropped frames", () => {
  assert.deepEqual(frameStatistics([0, 16.7, 33.4, 83.5, 100.2], 16.7), { n: 5, dropped: 2, worst_ms: 50.1 });
  assert.deepEqual(frameStatistics([5], 16.7), { n: 1, dropped: 0, worst_ms: 0 });
  assert.deepEqual(frameStatistics([0, 100], null), { n: 2, dropped: 0, worst_ms: 100 });
});

test("every one of the model's pixels gets the same whole number of device pixels", () => {
  for (const dpr of [1, 1.25, 1.5, 2, 3]) {
    for (const [width, height] of [[390, 844], [320, 568], [1280, 800], [1280, 600]]) {
      const room = roomFor({ width, height });
      const size = pictureSize({ wanted: 224, native: 32, kernel: "nearest", dpr, ...room });
      const scale = (size * dpr) / 32;
      assert.ok(Math.abs(scale - Math.round(scale)) < 1e-9, `${dpr} ${width}`);
      assert.ok(size <= 224 + 1e-9);
      assert.ok(size <= Math.max(64, room.width), "two fit side by side");
    }
  }
  assert.equal(pictureSize({ wanted: 224, native: 32, kernel: "nearest", dpr: 1, width: 900, height: 900 }), 224);
  assert.equal(pictureSize({ wanted: 32, native: 32, kernel: "nearest", dpr: 1, width: 900, height: 900 }), 32, "what the study says");
  assert.equal(pictureSize({ wanted: 200, native: 32, kernel: "lanczos", dpr: 1, width: 900, height: 900 }), 200);
});

class FakeImage {
  static made = 0;
  constructor() { FakeImage.made += 1; this.style = {}; }
  async decode() { if (this.src === "broken" && FakeImage.made < 3) throw new Error("not decoded"); }
  cloneNode() { return Object.assign(new FakeImage(), { src: this.src }); }
}

test("each use of a picture is a copy of its own", async () => {
  const stimuli = new Stimuli(() => new FakeImage());
  await stimuli.load(["a", "a"]);
  const one = await stimuli.take("a");
  one.style.visibility = "hidden";
  assert.equal((await stimuli.take("a")).style.visibility, undefined);
});

test("a picture that did not come is asked for again", async () => {
  FakeImage.made = 0;
  const stimuli = new Stimuli(() => new FakeImage());
  await assert.rejects(stimuli.load(["broken"]));
  await assert.rejects(stimuli.load(["broken"]));
  await stimuli.load(["broken"]);
});

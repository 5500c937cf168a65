import assert from "node:assert/strict";
import { test } from "node:test";

import { Behind, Ended, Outbox, backoff, retryAfter, storageOrMemory } from "../../static/js/participant/api.js";

/** A server that answers as told, in order, and then stores everything. */
function server(...replies) {
  const stored = new Map();
  const seen = [];
  const fetch = async (_url, { body }) => {
    const item = JSON.parse(body);
    seen.push(item.trial);
    const told = replies.shift();
    if (told === "network") throw new TypeError("failed to fetch");
    if (told === "lost") { stored.set(item.trial, item.answer.choice); throw new TypeError("reply lost"); }
    if (typeof told === "number") return reply(told, {}, told === 503 ? "2" : null);
    if (stored.has(item.trial) && stored.get(item.trial) !== item.answer.choice) return reply(409, { position: stored.size });
    stored.set(item.trial, item.answer.choice);
    return reply(200, { position: stored.size, feedback: null });
  };
  return { fetch, stored, seen };
}

const reply = (status, body, retry = null) => ({
  status,
  json: async () => body,
  headers: { get: (name) => (name === "Retry-After" ? retry : null) },
});

function outbox(fetch, storage = memory()) {
  const slept = [];
  const states = [];
  const box = new Outbox({
    run: "/run/x", url: "/run/x/responses", storage, fetch,
    sleep: async (ms) => { slept.push(ms); }, onState: (state) => states.push(state),
  });
  return { box, slept, states, storage };
}

const memory = () => storageOrMemory(() => { throw new Error("no storage"); });
const item = (trial, choice = 0) => ({ trial, answer: { choice }, timing: {} });

test("answers are delivered in order and the receipt comes back", async () => {
  const { fetch, stored, seen } = server();
  const { box, storage } = outbox(fetch);
  const receipts = await Promise.all([box.add(item(0)), box.add(item(1)), box.add(item(2))]);
  assert.deepEqual(receipts.map((receipt) => receipt.position), [1, 2, 3]);
  assert.deepEqual(seen, [0, 1, 2]);
  assert.equal(stored.size, 3);
  assert.equal(storage.getItem("alike:outbox:/run/x"), null);
});

test("whatever fails is tried again until it is stored, once", async () => {
  const { fetch, stored, seen } = server("network", 503, "lost", 500);
  const { box, slept, states } = outbox(fetch);
  await box.add(item(0, 1));
  assert.deepEqual(seen, [0, 0, 0, 0, 0]);
  assert.deepEqual([...stored], [[0, 1]]);
  assert.equal(slept[1], 2000, "the server's Retry-After is honoured");
  assert.ok(states.includes("retrying"));
  assert.equal(states.at(-1), "idle");
});

test("an answer that is added the moment the queue is empty is delivered too", async () => {
  const { fetch, stored } = server();
  const { box } = outbox(fetch);
  for (let trial = 0; trial < 5; trial += 1) await box.add(item(trial));
  assert.equal(stored.size, 5);
  assert.equal(box.size, 0);
});

test("an answer is in storage before it is sent, and survives a reload", async () => {
  const storage = memory();
  let kept;
  const never = outbox(async () => { kept = storage.getItem("alike:outbox:/run/x"); throw new TypeError("offline"); }, storage);
  never.box.sleep = () => new Promise(() => {});
  never.box.add(item(0));
  never.box.add(item(1));
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(JSON.parse(kept).map((one) => one.trial), [0], "stored before it was sent");
  assert.deepEqual(JSON.parse(storage.getItem("alike:outbox:/run/x")).map((one) => one.trial), [0, 1]);

  const { fetch, stored } = server();
  const again = outbox(fetch, storage);
  assert.deepEqual(again.box.trials, [0, 1]);
  await again.box.flush();
  assert.equal(stored.size, 2);
  assert.equal(again.box.size, 0);
});

test("a conflict is settled by the server: the first answer stays and nothing is sent for ever", async () => {
  const { fetch, stored } = server("lost");
  const { box } = outbox(fetch);
  await box.add(item(0, 1));
  const receipt = await box.add(item(0, 0));
  assert.equal(receipt.conflict, true);
  assert.deepEqual([...stored], [[0, 1]]);
  assert.equal(box.size, 0);
});

test("answers whose turn has not come are kept until those before them are given again", async () => {
  const { fetch, stored } = server();
  const behind = async (url, request) => {
    const { trial } = JSON.parse(request.body);
    return trial > stored.size ? reply(409, { position: stored.size }) : fetch(url, request);
  };
  const { box, storage } = outbox(behind);
  await assert.rejects(box.add(item(2)), Behind); // the server lost answers 0 and 1
  assert.equal(box.size, 1);
  const again = outbox(behind, storage).box;
  again.settle(0);
  assert.deepEqual(again.trials, [2]);
  again.add(item(0)).catch(() => {});
  await again.add(item(1));
  await again.flush();
  assert.deepEqual([...stored.keys()], [0, 1, 2]);
  assert.equal(again.size, 0);
});

test("what the server has already is forgotten", () => {
  const { fetch } = server("network");
  const { box } = outbox(fetch);
  box.sleep = () => new Promise(() => {});
  box.add(item(0));
  box.add(item(1));
  box.settle(1);
  assert.deepEqual(box.trials, [1]);
});

test("a full storage is no obstacle", async () => {
  const { fetch, stored } = server();
  const full = { ...memory(), setItem: () => { throw new DOMException("full", "QuotaExceededError"); } };
  await outbox(fetch, full).box.add(item(0));
  assert.equal(stored.size, 1);
});

test("a run that has ended stops delivery and keeps the answers", async () => {
  const { fetch } = server(410);
  const { box } = outbox(fetch);
  await assert.rejects(box.add(item(0)), Ended);
  assert.equal(box.size, 1);
});

test("storage that holds rubbish is no obstacle", async () => {
  const storage = memory();
  storage.setItem("alike:outbox:/run/x", "{not json");
  const { fetch, stored } = server();
  await outbox(fetch, storage).box.add(item(0));
  assert.equal(stored.size, 1);
});

test("waiting grows to half a minute and is never without jitter", () => {
  assert.deepEqual([0, 1, 2].map((n) => backoff(n, () => 1)), [500, 1000, 2000]);
  assert.equal(backoff(40, () => 1), 30000);
  assert.equal(backoff(40, () => 0), 15000);
});

test("Retry-After", () => {
  assert.equal(retryAfter("3"), 3000);
  assert.equal(retryAfter("9999"), 60000);
  assert.equal(retryAfter(null), null);
  assert.equal(retryAfter("tomorrow"), null);
});

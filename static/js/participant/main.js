// Wires the visit together.

import types from "../trials/index.js";
import { Behind, Ended, Outbox, rememberedAs, storageOrMemory } from "./api.js";
import { frameInterval } from "./clock.js";
import { Runner } from "./runner.js";
import { Stimuli } from "./stimuli.js";
import * as view from "./view.js";

const settings = JSON.parse(document.getElementById("settings").textContent);
const storage = storageOrMemory();
const sleep = (ms) => new Promise((resolve) => {
  const timer = setTimeout(done, ms);
  function done() {
    clearTimeout(timer);
    window.removeEventListener("online", done); // no need to wait on once the network is back
    resolve();
  }
  window.addEventListener("online", done, { once: true });
});
const toRun = () => window.location.assign(settings.run);
const outbox = new Outbox({
  run: settings.run,
  url: settings.responses,
  storage,
  fetch: (...request) => window.fetch(...request),
  sleep,
  onState: (state) => view.network(state),
  onFailed: giveUp,
  onPosition: (position, trial) => { if (position > trial + 1) toRun(); }, // another tab is ahead of us: go where it is
});
const LEAVING_TAKES = 5000; // ms that answers get to arrive before somebody leaves

try {
  if (settings.remember) storage.setItem(rememberedAs(settings.remember), settings.run);
} catch {
  // Storage is full: then the way back is the address alone.
}

/** Once, for as long as it takes; what it says is no problem of the network ends it. */
async function insist(attempt) {
  for (;;) {
    try {
      return await attempt();
    } catch (problem) {
      if (problem instanceof Ended) throw problem;
    }
    view.network("retrying");
    await sleep(2000);
    view.network("idle");
  }
}

async function fetchPlan() {
  const reply = await window.fetch(settings.plan, { headers: { Accept: "application/json" } });
  if (!reply.ok && reply.status < 500) throw new Ended(`${reply.status}`);
  if (!reply.ok) throw new Error(`${reply.status}`);
  return reply.json();
}

/** Answers that a crash left behind come first, if it is their turn; then the plan says where we are. */
async function load() {
  const before = await insist(fetchPlan);
  outbox.settle(before.position);
  if (outbox.trials[0] !== before.position) return before;
  await outbox.flush();
  return insist(fetchPlan);
}

/** Leaving waits for answers that are on their way; if they cannot arrive, that is said before anything is lost. */
function leave(event) {
  if (event.submitter?.value === "stay" || outbox.size === 0) return;
  event.preventDefault();
  const form = event.currentTarget;
  if (form.dataset.warned) return form.submit();
  view.leaving("Your last answers are on their way…");
  const inTime = Promise.race([outbox.flush(), new Promise((_, reject) => setTimeout(reject, LEAVING_TAKES))]);
  inTime.then(() => form.submit(), () => {
    form.dataset.warned = "yes";
    view.leaving("Your last answers have not arrived yet. If you leave now, they are lost.");
  });
}

async function start() {
  const begin = document.getElementById("begin");
  const pressed = new Promise((resolve) => begin.addEventListener("click", resolve, { once: true }));
  const plan = await load();
  if (!["consented", "practising", "active"].includes(plan.state)) return toRun();
  for (const name of new Set(plan.trials.map((trial) => trial.type))) await insist(types[name]); // while there is a network
  const interval = await frameInterval();
  const runner = new Runner({ settings, plan, outbox, stimuli: new Stimuli(), types, view, interval });
  runner.preload();
  document.getElementById("pause").addEventListener("click", () => { view.pause(); runner.pause(); });
  document.getElementById("leave").addEventListener("click", () => document.getElementById("leaving").showModal());
  document.querySelector("#leaving form").addEventListener("submit", leave);
  begin.disabled = false; // a press before this line would have been lost
  await pressed;
  view.begin();
  return runner.run();
}

/** What no waiting mends: the run ended or is elsewhere, or something is wrong. */
function giveUp(problem) {
  if (problem instanceof Behind || problem?.message === "410") return toRun();
  view.stopped("What reached us is saved. Load the page again; if that does not help, tell the people who sent you the link.");
  if (!(problem instanceof Ended)) throw problem;
}

start().catch(giveUp);

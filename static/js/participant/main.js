// Wires the visit together.

import types from "../trials/index.js";
import { Outbox, storageOrMemory } from "./api.js";
import { frameInterval } from "./clock.js";
import { Ended, Runner } from "./runner.js";
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
const outbox = new Outbox({
  run: settings.run,
  url: settings.responses,
  storage,
  fetch: (...request) => window.fetch(...request),
  sleep,
  onState: (state) => view.network(state),
});
const gone = () => window.location.assign(settings.run);

storage.setItem(`alike:run:${settings.slug}`, settings.run);

/** Answers that a crash left behind come first; then the plan says where we are. */
async function load() {
  await outbox.flush();
  for (;;) {
    try {
      const reply = await window.fetch(settings.plan, { headers: { Accept: "application/json" } });
      if (reply.ok) return await reply.json();
      if (reply.status < 500) throw new Ended(`${reply.status}`);
    } catch (problem) {
      if (problem instanceof Ended) throw problem;
    }
    view.network("retrying");
    await sleep(2000);
    view.network("idle");
  }
}

async function start() {
  const begin = document.getElementById("begin");
  const pressed = new Promise((resolve) => begin.addEventListener("click", resolve, { once: true }));
  begin.disabled = false; // a press before this line would have been lost
  const plan = await load();
  if (!["consented", "practising", "active"].includes(plan.state)) return gone();
  const interval = await frameInterval();
  const runner = new Runner({ settings, plan, outbox, stimuli: new Stimuli(), types, view, interval });
  runner.preload();
  document.getElementById("pause").addEventListener("click", () => { view.pause(); runner.pause(); });
  document.getElementById("leave").addEventListener("click", () => document.getElementById("leaving").showModal());
  await pressed;
  view.begin();
  return runner.run();
}

start().catch((problem) => {
  if (!(problem instanceof Ended)) throw problem;
  if (problem.message === "410") gone();
  else view.stopped("Your answers up to here are saved. Please tell the people who sent you the link.");
});

// The visit after consent: load -> trial <-> break -> done. To resume is to ask the server.

import { earlyPresses } from "./input.js";
import { frameWatch, round } from "./clock.js";
import { pictureSize, roomFor } from "./size.js";

const LOOKAHEAD = 2;

/**
 * @typedef {object} Timing what the browser measures of a trial; its twin is app/sessions/timing.py
 * @property {number} rt onset to the event's own timestamp, ms
 * @property {number} onset frame in which the pictures were drawn
 * @property {?number} onset_paint the frame after it
 * @property {number} t_event
 * @property {string} presented_at onset on the wall clock, ISO 8601
 * @property {number} time_elapsed since consent, ms
 * @property {"mouse"|"touch"|"pen"|"keyboard"} source
 * @property {number} early_presses
 * @property {{n: number, dropped: number, worst_ms: number}} frames
 * @property {?number} frame_interval
 * @property {number} focus_lost
 * @property {number} visibility_changes
 * @property {number} resizes
 * @property {number} rendered_px
 * @property {number} natural_px
 * @property {number} device_pixel_ratio
 * @property {boolean} images_ok
 */

export class Runner {
  /** `types` is the table of trial types, `view` what draws (view.js), `outbox` what delivers (api.js). */
  constructor({ settings, plan, outbox, stimuli, types, view, interval }) {
    Object.assign(this, { settings, plan, outbox, stimuli, types, view, interval });
    this.began = performance.now() - plan.elapsed;
    this.counts = { focus_lost: 0, visibility_changes: 0, resizes: 0 };
    this.interruption = null;
    window.addEventListener("blur", () => { this.counts.focus_lost += 1; });
    window.addEventListener("resize", () => { this.counts.resizes += 1; });
    document.addEventListener("visibilitychange", () => { this.counts.visibility_changes += 1; });
  }

  /** Load the pictures of the first trials, while somebody still reads. */
  preload() {
    return this.#preload(0).catch(() => {});
  }

  /** Every trial that has no answer yet, then the end. */
  async run() {
    this.view.progress(this.plan.total - this.plan.trials.length, this.plan.total);
    for (let i = 0; i < this.plan.trials.length; i++) {
      const trial = this.plan.trials[i];
      if (this.outbox.trials.includes(trial.trial)) continue; // answered before, and kept here until its turn came
      if (this.#isBreak(trial)) await this.view.rest(trial.trial - this.plan.practice, this.plan.total - this.plan.practice);
      if (trial.phase === "main" && trial.trial === this.plan.practice && this.plan.practice > 0) await this.view.practiceDone();
      await this.#ask(trial, i);
      this.stimuli.forget(Object.values(trial.images));
    }
    this.view.progress(this.plan.total, this.plan.total);
    this.view.saving();
    await this.outbox.flush();
    window.location.assign(this.settings.run);
  }

  #isBreak(trial) {
    const asked = trial.trial - this.plan.practice;
    return trial.phase === "main" && asked > 0 && asked % this.settings.breakEvery === 0;
  }

  /** The trial is shown until it is answered; a pause takes the pictures away and shows it anew. */
  async #ask(trial, i) {
    const before = { ...this.counts };
    for (;;) {
      try {
        const { answer, timing } = await this.#show(trial, i, before);
        const receipt = this.outbox.add({ trial: trial.trial, answer, timing });
        const right = trial.phase === "practice" ? (await receipt).feedback : null;
        if (Number.isInteger(right)) await this.view.feedback(answer.choice, right);
        return;
      } catch (problem) {
        if (problem.name !== "AbortError") throw problem;
        await this.view.resumed();
      }
    }
  }

  async #show(trial, i, before) {
    const type = (await this.types[trial.type]()).default;
    const early = earlyPresses(type.keys);
    let watch = null;
    try {
      await this.#decoded(trial);
      this.#preload(i + 1).catch(() => {});
      const images = {};
      for (const [slot, url] of Object.entries(trial.images)) images[slot] = await this.stimuli.take(url);
      await this.view.resumed();
      this.interruption = new AbortController();
      const size = this.#size(images);
      const shown = await type.run({
        images,
        size,
        question: this.settings.question,
        pixels: this.settings.kernel === "nearest",
        stage: this.view.stage,
        hint: this.view.hint,
        signal: this.interruption.signal,
        onShown: () => {
          watch = frameWatch(this.interval);
          this.view.progress(trial.trial, this.plan.total); // in the frame of the pictures, not before
        },
      });
      return { answer: shown.answer, timing: this.#timing({ shown, watch, early, before, images, size }) };
    } finally {
      watch?.stop();
      early();
    }
  }

  /** @returns {Timing} */
  #timing({ shown, watch, early, before, images, size }) {
    const first = watch.first();
    const pictures = Object.values(images);
    return {
      rt: round(Math.max(0, shown.t - shown.onset)),
      onset: round(shown.onset),
      onset_paint: first === null ? null : round(first),
      t_event: round(shown.t),
      presented_at: new Date(performance.timeOrigin + shown.onset).toISOString(),
      time_elapsed: round(performance.now() - this.began),
      source: shown.source,
      early_presses: early(),
      frames: watch.stop(),
      frame_interval: this.interval,
      ...Object.fromEntries(Object.keys(before).map((name) => [name, this.counts[name] - before[name]])),
      rendered_px: size,
      natural_px: Math.max(pictures[0].naturalWidth, pictures[0].naturalHeight),
      device_pixel_ratio: window.devicePixelRatio,
      images_ok: pictures.every((image) => image.complete && image.naturalWidth > 0),
    };
  }

  /** Pictures that do not come are asked for again, for as long as it takes. */
  async #decoded(trial) {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.stimuli.load(Object.values(trial.images));
      } catch {
        this.view.network("retrying");
        await this.outbox.sleep(Math.min(10000, 500 * 2 ** attempt));
      } finally {
        if (attempt > 0) this.view.network("idle");
      }
    }
  }

  #preload(from) {
    return Promise.all(
      this.plan.trials.slice(from, from + LOOKAHEAD).map((trial) => this.stimuli.load(Object.values(trial.images))),
    );
  }

  #size(images) {
    const [first] = Object.values(images);
    const file = Math.max(first.naturalWidth, first.naturalHeight);
    return pictureSize({
      wanted: this.settings.size,
      native: this.settings.native ?? file,
      kernel: this.settings.kernel,
      dpr: window.devicePixelRatio,
      ...roomFor({ width: window.innerWidth, height: window.innerHeight }),
    });
  }

  pause() {
    this.counts.visibility_changes += 1;
    this.interruption?.abort();
  }
}

// When something was really on the screen. All times are milliseconds of performance.now().

/** Run `write` inside the next animation frame and resolve with that frame's time: the onset. */
export function paint(write, frame = requestAnimationFrame) {
  return new Promise((resolve) => frame((time) => { write(time); resolve(time); }));
}

/**
 * Watch the frames between two moments.
 * @returns {{stop: () => {n: number, dropped: number, worst_ms: number}, first: () => number|null}}
 */
export function frameWatch(interval, frame = requestAnimationFrame, cancel = cancelAnimationFrame) {
  const times = [];
  let handle = frame(function note(time) {
    times.push(time);
    handle = frame(note);
  });
  return {
    first: () => times[0] ?? null,
    stop() { // twice is once
      cancel(handle);
      return frameStatistics(times, interval);
    },
  };
}

/** How many frames came, how many were missed between them, and the longest wait. */
export function frameStatistics(times, interval) {
  let dropped = 0;
  let worst = 0;
  for (let i = 1; i < times.length; i++) {
    const gap = times[i] - times[i - 1];
    worst = Math.max(worst, gap);
    if (interval > 0) dropped += Math.max(0, Math.round(gap / interval) - 1);
  }
  return { n: times.length, dropped, worst_ms: round(worst) };
}

/** The display's frame interval: the median over a few frames, or null where none come (a hidden page). */
export async function frameInterval(count = 20, frame = requestAnimationFrame, timeout = 1000) {
  const times = [];
  await Promise.race([
    new Promise((resolve) => frame(function note(time) {
      times.push(time);
      if (times.length > count) resolve(); else frame(note);
    })),
    new Promise((resolve) => setTimeout(resolve, timeout)),
  ]);
  const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  return gaps.length ? round(gaps[Math.floor(gaps.length / 2)]) : null;
}

/** Browsers give a tenth of a millisecond; more digits would be noise. */
export const round = (ms) => Math.round(ms * 10) / 10;

// One answer to one trial, from keys or pointer, with the event's own timestamp.

/** Which option a key means: the printed label decides, so that the hint is right on every layout. */
export function choiceOfKey(event, keys) {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const found = keys.findIndex((names) => names.includes(key));
  return found < 0 ? null : found;
}

/**
 * Wait for an answer. Arm it in the same frame in which the pictures are drawn: an earlier press is no answer.
 * A pointer's time is that of its pointerdown, but only a click commits (WCAG 2.5.2).
 * @returns {Promise<{choice: number, source: string, t: number}>}; rejects with an AbortError.
 */
export function response({ buttons, keys, signal, target = document }) {
  return new Promise((resolve, reject) => {
    const down = new Map();
    const listeners = [];
    const listen = (element, type, handler) => {
      element.addEventListener(type, handler);
      listeners.push(() => element.removeEventListener(type, handler));
    };
    const finish = (result) => {
      listeners.forEach((remove) => remove());
      resolve(result);
    };
    listen(target, "keydown", (event) => {
      if (event.target?.closest?.("dialog")) return;
      const choice = choiceOfKey(event, keys);
      if (choice === null) return;
      event.preventDefault();
      finish({ choice, source: "keyboard", t: event.timeStamp });
    });
    buttons.forEach((button, choice) => {
      listen(button, "pointerdown", (event) => down.set(choice, { t: event.timeStamp, source: event.pointerType || "mouse" }));
      listen(button, "click", (event) => {
        // A click without a pointer comes from Enter or Space on a focused button.
        const pressed = event.detail === 0 ? null : down.get(choice);
        finish({ choice, source: pressed?.source ?? (event.detail === 0 ? "keyboard" : "mouse"), t: pressed?.t ?? event.timeStamp });
      });
    });
    signal?.addEventListener("abort", () => {
      listeners.forEach((remove) => remove());
      reject(new DOMException("the trial was interrupted", "AbortError"));
    }, { once: true });
  });
}

/** Counts presses that come before the pictures. */
export function earlyPresses(keys, target = document) {
  let count = 0;
  const note = (event) => { if (choiceOfKey(event, keys) !== null) count += 1; };
  target.addEventListener("keydown", note);
  return () => { target.removeEventListener("keydown", note); return count; };
}

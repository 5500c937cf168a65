// What stands on the page around a trial. No text here says anything about an option but its place.

const element = (id) => document.getElementById(id);

/** `make("p", {class: "x"}, "text", child)` */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export const stage = element("stage");
export const hint = element("hint");

export function begin() {
  element("bar").hidden = false;
}

export function progress(done, total) {
  element("progress-label").textContent = `Trial ${Math.min(done + 1, total)} of ${total}`;
  Object.assign(element("progress"), { max: total, value: done });
}

/** One quiet line, never a dialog in a trial. */
export function network(state) {
  element("network").textContent = state === "retrying" ? "Reconnecting… your answers are kept." : "";
}

export function saving() {
  hint.replaceChildren();
  stage.replaceChildren(make("div", { class: "rest", role: "status" }, make("h1", {}, "Saving your last answers…")));
}

export function stopped(line) {
  hint.replaceChildren();
  const again = make("button", { class: "primary", type: "button" }, "Load again");
  again.addEventListener("click", () => window.location.reload());
  const title = make("h1", {}, "The study cannot go on");
  stage.replaceChildren(make("div", { class: "rest", role: "alert" }, title, make("p", {}, line), again));
}

/** A line in the dialog in which somebody leaves. */
export function leaving(line) {
  element("leaving-line").textContent = line;
}

/** A screen with one button; resolves when it is pressed. */
function pressed(heading, line, label) {
  hint.replaceChildren();
  return new Promise((resolve) => {
    const title = make("h1", { tabindex: "-1" }, heading);
    const button = make("button", { class: "primary", type: "button" }, label);
    button.addEventListener("click", resolve, { once: true });
    stage.replaceChildren(make("div", { class: "rest" }, title, make("p", {}, line), button));
    title.focus();
  });
}

export const rest = (done, total) =>
  pressed("Time for a break", `You have done ${done} of ${total}. Go on whenever you like.`, "Continue");

export const practiceDone = () =>
  pressed("That was the practice", "From now on you will not be told which picture is closer. There is no hurry.", "Start");

/** In practice: say which option was closer, in words and a ring, not by colour. */
export function feedback(choice, right) {
  stage.querySelector(".trial").classList.add("answered");
  const options = [...stage.querySelectorAll(".option")];
  options.forEach((option) => option.classList.remove("chosen"));
  options[right]?.classList.add("chosen");
  const next = make("button", { class: "primary", type: "button" }, "Next");
  const line = choice === right ? "Yes, that one is closer." : "The other one is closer.";
  stage.querySelector(".feedback")?.replaceChildren(make("p", { role: "status" }, line), next);
  next.focus({ preventScroll: true });
  return new Promise((resolve) => next.addEventListener("click", resolve, { once: true }));
}

let resume = Promise.resolve();

/** Open the pause; resolves when it is closed. */
export function pause() {
  const dialog = element("paused");
  dialog.showModal(); // its backdrop covers the pictures
  resume = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
}

export const resumed = () => resume;

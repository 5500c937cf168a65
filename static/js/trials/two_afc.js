// Two-alternative forced choice: a picture above, two options below.

import { paint } from "../participant/clock.js";
import { response } from "../participant/input.js";
import { make } from "../participant/view.js";

const SIDES = ["Left", "Right"];
const KEYS = ["F", "J"];

export default {
  keys: [["f", "ArrowLeft"], ["j", "ArrowRight"]],

  /** Draw, wait for the choice; everything is built before the frame in which it is shown. */
  async run({ images, size, question, pixels, stage, hint, signal, onShown }) {
    const sized = (image) => { // `size` is the longer side; a style, because the attributes drop fractions
      const scale = size / Math.max(image.naturalWidth, image.naturalHeight);
      Object.assign(image.style, { width: `${image.naturalWidth * scale}px`, height: `${image.naturalHeight * scale}px` });
      return image;
    };
    const buttons = SIDES.map((side, i) => make(
      "button",
      { class: "option", type: "button", "aria-label": `${side} image, key ${KEYS[i]}`, "aria-keyshortcuts": KEYS[i] },
      sized(images[`option-${i}`]),
      make("kbd", { "aria-hidden": "true" }, KEYS[i]),
    ));
    const query = sized(images.query);
    query.alt = "Image to compare with";
    const title = make("h1", { tabindex: "-1" }, question);
    const trial = make(
      "div",
      { class: pixels ? "trial pixels" : "trial" },
      title,
      query,
      make("div", { class: "options", role: "group", "aria-label": "Your choice" }, ...buttons),
      make("div", { class: "feedback" }),
    );
    // A pointer that rests where the last answer was given must not single that option out: it shows once it has moved.
    trial.addEventListener("pointermove", (event) => {
      if (event.movementX || event.movementY) trial.classList.add("pointing");
    });
    let answered;
    const onset = await paint(() => {
      stage.replaceChildren(trial);
      title.focus({ preventScroll: true });
      hint.replaceChildren(
        make("span", { class: "keys" }, "Press F or J, or click an image."),
        make("span", { class: "touch" }, "Tap the image you choose."),
      );
      answered = response({ buttons, keys: this.keys, signal });
      onShown();
    });
    const { choice, source, t } = await answered;
    return { answer: { choice }, source, t, onset };
  },
};

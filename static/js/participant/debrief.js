// At the end: nothing is left to continue, and the code can be copied.

import { storageOrMemory } from "./api.js";

const code = document.getElementById("code");
const copy = document.getElementById("copy");
storageOrMemory().removeItem(`alike:run:${code.dataset.slug}`);
if (navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = "Copied";
  });
}

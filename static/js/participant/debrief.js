// At the end: nothing is left to continue, and the code can be copied.

import { rememberedAs, storageOrMemory } from "./api.js";

const code = document.getElementById("code");
const copy = document.getElementById("copy");
storageOrMemory().removeItem(rememberedAs(code.dataset.remember));
if (navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = "Copied";
  });
}

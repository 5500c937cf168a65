// On the consent page: offer the run that this browser has not finished.

import { rememberedAs, storageOrMemory } from "./api.js";

const offer = document.getElementById("continue");
const known = storageOrMemory().getItem(rememberedAs(offer.dataset.remember));
if (known?.startsWith("/run/") && known !== window.location.pathname) {
  offer.querySelector("a").href = known;
  offer.hidden = false;
}

// On the consent page: offer the run that this browser has not finished.

import { storageOrMemory } from "./api.js";

const offer = document.getElementById("continue");
const known = storageOrMemory().getItem(`alike:run:${offer.dataset.slug}`);
if (known?.startsWith("/run/") && known !== window.location.pathname) {
  offer.querySelector("a").href = known;
  offer.hidden = false;
}

// The run has ended before its end: there is nothing to come back to.

import { rememberedAs, storageOrMemory } from "./api.js";

storageOrMemory().removeItem(rememberedAs(document.getElementById("ended").dataset.remember));

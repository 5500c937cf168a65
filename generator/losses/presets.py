"""Losses of the field, ready made. A recipe may name one and change it in part."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "regularizer_free": {"terms": [{"kind": "relative_l2"}]},
}

"""The generator is loaded before torch, as its commands do: it says how waiting threads behave."""

import generator  # noqa: F401

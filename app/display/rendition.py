"""From a stored picture to the file that a browser gets.

All renditions of a study version have one size, one mode, no metadata and one length in bytes, so that nothing but the
pixels tells one from another. The length is reached by an ancillary chunk before the end of the PNG, which decoders
skip (PNG specification, §5.4 and §14).
"""

import io
import struct
import zlib

from PIL import Image

KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

_CHUNK = b"alPd"  # ancillary, private, safe to copy
_CHUNK_OVERHEAD = 12  # length, type, CRC
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


def render(png: bytes, size: int, kernel: str) -> Image.Image:
    """A stored picture as RGB, scaled to `size` pixels on its longer side by one of `KERNELS`.

    `nearest` keeps the model's own pixels and therefore scales by whole numbers only. Raises ValueError otherwise.
    """
    with Image.open(io.BytesIO(png)) as opened:
        picture = opened.convert("RGB")
    longer = max(picture.size)
    if kernel == "nearest" and size % longer:
        nearby = max(1, size // longer) * longer
        raise ValueError(
            f"display size {size} is no whole multiple of {longer} pixels, as kernel nearest needs; try {nearby}"
        )
    target = (round(picture.width * size / longer), round(picture.height * size / longer))
    return picture if target == picture.size else picture.resize(target, KERNELS[kernel])


def encode(picture: Image.Image) -> bytes:
    """A PNG of nothing but pixels, by one set of encoder settings."""
    bare = Image.frombytes(picture.mode, picture.size, picture.tobytes())  # leaves every kind of metadata behind
    buffer = io.BytesIO()
    bare.save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()


def pad(png: bytes, length: int) -> bytes:
    """The same PNG, `length` bytes long. It must be 12 bytes shorter at least, the size of an empty chunk."""
    room = length - len(png) - _CHUNK_OVERHEAD
    if room < 0 or not png.endswith(_END):
        raise ValueError(f"a PNG of {len(png)} bytes cannot be padded to {length}")
    body = _CHUNK + bytes(room)
    chunk = struct.pack(">I", room) + body + struct.pack(">I", zlib.crc32(body))
    return png[: -len(_END)] + chunk + _END

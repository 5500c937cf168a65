// How large a picture is drawn.

/**
 * Size in CSS pixels: the study's size, or less where the viewport is too small. With kernel nearest every one of the
 * model's pixels must be drawn by the same whole number of device pixels, so size × dpr is a whole multiple of `native`.
 * @param {{wanted: number, native: number, kernel: string, dpr: number, width: number, height: number}} of
 */
export function pictureSize({ wanted, native, kernel, dpr, width, height }) {
  const room = Math.min(wanted, Math.max(64, Math.min(width, height)));
  if (kernel !== "nearest") return Math.floor(room);
  const scale = Math.max(1, Math.floor((room * dpr + 1e-6) / native));
  return (scale * native) / dpr;
}

/** The room that a picture has on a stage with one picture above two. */
export function roomFor(viewport) {
  const small = viewport.width <= 600;
  const chrome = small ? 250 : 300; // header, question, keys, footer and gaps
  return {
    width: small ? (viewport.width - 32 - 8 - 32) / 2 : (viewport.width - 160) / 2,
    height: (viewport.height - chrome) / 2,
  };
}

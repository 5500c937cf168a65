// Pictures, fetched and decoded ahead of their trial. Each use gets a clone: a picture shared by two trials would carry
// one trial's state into the other.

export class Stimuli {
  #decoded = new Map();

  constructor(makeImage = () => new Image()) {
    this.makeImage = makeImage;
  }

  /** Begin to load these; resolves when all are decoded. A failed one is tried again by the next call. */
  async load(urls) {
    await Promise.all(urls.map((url) => this.#load(url)));
  }

  #load(url) {
    if (!this.#decoded.has(url)) {
      const image = this.makeImage();
      image.decoding = "sync";
      image.draggable = false;
      image.alt = "";
      image.src = url;
      const decoded = image.decode().then(() => image);
      decoded.catch(() => this.#decoded.delete(url));
      this.#decoded.set(url, decoded);
    }
    return this.#decoded.get(url);
  }

  /** A fresh, decoded copy of a loaded picture. */
  async take(url) {
    const copy = (await this.#load(url)).cloneNode();
    await copy.decode();
    return copy;
  }

  forget(urls) {
    urls.forEach((url) => this.#decoded.delete(url));
  }
}

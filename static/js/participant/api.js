// Delivery of answers. An answer is in local storage before anything else happens to it, and leaves it when the server
// says that it is stored. The assigned trial is the key: sending an answer again is harmless.

/** The run ended or is not known: nothing more can be delivered. */
export class Ended extends Error {}

/** The server does not have the answers before this one (a restored backup): they must be given again first. */
export class Behind extends Error {}

/** Waiting time before attempt `n` (from 0): doubling from half a second to half a minute, between half and all of it. */
export function backoff(n, random = Math.random) {
  return Math.min(30000, 500 * 2 ** n) * (0.5 + random() / 2);
}

/** Seconds of a Retry-After header as milliseconds, or null. */
export function retryAfter(header) {
  const seconds = Number(header);
  return header !== null && header !== "" && Number.isFinite(seconds) ? Math.min(60, Math.max(0, seconds)) * 1000 : null;
}

/** Local storage where it may be used, else memory (private windows, strict browsers). */
export function storageOrMemory(open = () => window.localStorage) {
  try {
    const storage = open();
    storage.setItem("alike:probe", "1");
    storage.removeItem("alike:probe");
    return storage;
  } catch {
    const kept = new Map();
    return {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => kept.set(key, value),
      removeItem: (key) => kept.delete(key),
    };
  }
}

/** Where a browser keeps the address of a run that is not finished. */
export const rememberedAs = (name) => `alike:run:${name}`;

/** Answers on their way to the server: delivered in order, one at a time, until acknowledged. */
export class Outbox {
  #waiting;
  #running = null;
  #receipts = new Map();

  /**
   * @param {{run: string, url: string, storage: Storage, fetch: typeof fetch, sleep: (ms: number) => Promise<void>,
   *   onState: (state: "delivering"|"retrying"|"idle") => void, onPosition: (position: number, trial: number) => void,
   *   onFailed: (problem: Error) => void}} options
   */
  constructor({ run, url, storage, fetch, sleep, onState = () => {}, onPosition = () => {}, onFailed = () => {} }) {
    this.key = `alike:outbox:${run}`;
    Object.assign(this, { url, storage, fetch, sleep, onState, onPosition, onFailed });
    this.#waiting = this.#read();
  }

  get size() {
    return this.#waiting.length;
  }

  /** Trials whose answers wait here. */
  get trials() {
    return this.#waiting.map((item) => item.trial);
  }

  /** Keep an answer and begin to deliver. Resolves with the server's receipt. */
  add(item) {
    this.#waiting = [...this.#waiting, item].sort((a, b) => a.trial - b.trial);
    this.#write();
    const receipt = new Promise((resolve, reject) => this.#receipts.set(item.trial, { resolve, reject }));
    receipt.catch(() => {}); // who does not wait for a receipt learns of the end from onFailed
    this.flush().catch((problem) => this.onFailed(problem));
    return receipt;
  }

  /** Forget answers that the server has already, by the number of answers that it has. */
  settle(position) {
    this.#waiting = this.#waiting.filter((item) => item.trial >= position);
    this.#write();
  }

  /** Deliver everything that waits; resolves when the server has it all. Rejects with Ended or Behind. */
  flush() {
    if (this.#waiting.length === 0) {
      this.onState("idle");
      return Promise.resolve();
    }
    this.#running ??= this.#deliver();
    return this.#running;
  }

  // #running ends in the tick in which the queue is seen empty: an answer that is added a moment later starts anew.
  async #deliver() {
    try {
      for (let attempt = 0; this.#waiting.length > 0;) {
        this.onState(attempt === 0 ? "delivering" : "retrying");
        const outcome = await this.#post(this.#waiting[0]);
        if (outcome.ended) this.#end(new Ended(outcome.ended));
        if (outcome.receipt?.position < this.#waiting[0].trial) this.#end(new Behind());
        if (outcome.receipt) this.#acknowledge(outcome.receipt);
        else await this.sleep(outcome.retry ?? backoff(attempt));
        attempt = outcome.receipt ? 0 : attempt + 1;
        if (this.#waiting[0]?.trial > outcome.receipt?.position) break; // its turn comes when those before it are given
      }
    } finally {
      this.#running = null;
    }
    this.onState("idle");
  }

  #end(why) {
    this.#receipts.forEach(({ reject }) => reject(why));
    this.#receipts.clear();
    throw why;
  }

  #acknowledge(receipt) {
    const { trial } = this.#waiting.shift();
    this.#write();
    this.#receipts.get(trial)?.resolve(receipt);
    this.#receipts.delete(trial);
    this.onPosition(receipt.position, trial);
  }

  async #post(item) {
    let reply;
    try {
      reply = await this.fetch(this.url, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify(item),
      });
      if (reply.status === 200) return { receipt: await reply.json() };
      // 409: the server has another answer to this trial, or is not there yet; it says where it stands, and the first
      // answer stays.
      if (reply.status === 409) return { receipt: { ...(await reply.json()), conflict: true } };
    } catch {
      return { retry: null };
    }
    if ([404, 410, 413, 422].includes(reply.status)) return { ended: `${reply.status}` };
    return { retry: retryAfter(reply.headers.get("Retry-After")) };
  }

  #read() {
    try {
      const kept = JSON.parse(this.storage.getItem(this.key) ?? "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }

  #write() {
    try {
      if (this.#waiting.length > 0) this.storage.setItem(this.key, JSON.stringify(this.#waiting));
      else this.storage.removeItem(this.key);
    } catch {
      // Storage is full: the answers are in memory, and on their way.
    }
  }
}

// The two ends of a stream, and the credit between them (docs/protocol.md, "Credit").

import type { Link } from "./link.js";
import type { Stream } from "./types.js";
import { type Failure, type Json, bytesOf, json } from "./wire.js";

/** Items and bytes, from the beginning of a stream or of a connection. */
export type Totals = [items: number, bytes: number];

/** How much of a stream may arrive before it is taken, and how much of an argument always may. */
export const WINDOW: Totals = [64, 262_144];
export const FIRST: Totals = [16, 16_384];
/** How many notifications may arrive before they are served. */
export const NOTIFICATIONS: Totals = [1024, 1_048_576];

/** Bytes that are sent before other events have their turn, and that may wait for the network meanwhile. */
const TURN = 65_536;

export const isTotal = (value: Json): boolean => Number.isInteger(value) && value >= 0;

/** What a sender may send: taking totals of the peer, and counting what is sent if it may be. */
export type Credit = [grant: (totals: Json[]) => void, use: (items: number, bytes: number) => boolean];

/** @param changed Hears of new totals. */
export function credit([items, bytes]: Totals, changed: () => void): Credit {
  let sent = 0;
  let sentBytes = 0;
  return [
    // The larger totals count, and malformed ones are ignored.
    ([more, moreBytes]) => {
      if (!isTotal(more) || !isTotal(moreBytes)) return;
      items = Math.max(items, more);
      bytes = Math.max(bytes, moreBytes);
      changed();
    },
    (more, moreBytes) => {
      // A single item may exceed the bytes, if some are left.
      const enough = sent + more <= items && sentBytes + (more > 1 ? moreBytes : 0) < bytes;
      if (enough) {
        sent += more;
        sentBytes += moreBytes;
      }
      return enough;
    },
  ];
}

/**
 * Counts what a receiver takes, and grants it again when half of the window was taken.
 *
 * @param granted What the sender may send. It is changed in place.
 */
export function taker(window: Totals, granted: Totals, grant: (totals: Totals) => void) {
  let [items, bytes] = window;
  return (more: number, moreBytes: number): void => {
    items += more;
    bytes += moreBytes;
    if (items - granted[0] >= window[0] / 2 || bytes - granted[1] >= window[1] / 2) {
      grant(Object.assign(granted, [items, bytes]));
    }
  };
}

/** The consumer's end of a stream. */
export interface Inbox {
  stream: Stream<Json>;
  /** Takes items of a message of so many characters. */
  push(items: Json[], length: number): void;
  /** The stream is complete, or has failed. */
  end(failure?: Failure, discard?: unknown): void;
}

/**
 * @param granted What the producer may send at first.
 * @param grant Sends it new totals.
 * @param drop Tells it that nothing more is wanted.
 * @param excess It has sent more than was granted.
 * @param begin Somebody reads.
 */
export function inbox(
  granted: Totals,
  grant: (totals: Totals) => void,
  drop: () => void,
  excess: () => void,
  begin?: () => void,
): Inbox {
  /** Each item with its share of the bytes. */
  let items: [Json, number][] = [];
  let received = 0;
  let ended: unknown;
  let failed: Failure;
  let wake: (() => void) | undefined;
  const take = taker(WINDOW, granted, (totals) => ended || grant(totals));
  const end: Inbox["end"] = (failure, discard) => {
    if (discard) items = [];
    if (!ended) failed = failure;
    ended = true;
    wake?.();
  };
  const stream = (async function* () {
    begin?.();
    for (take(0, 0); ;) {
      while (!items[0] && !ended) await new Promise<void>((resolve) => (wake = resolve));
      const item = items.shift();
      if (!item) break;
      take(1, item[1]);
      yield item[0];
    }
    if (failed) throw failed[0];
  })();
  const leave = stream.return.bind(stream);
  // It does not wait for an item, as a generator's own would.
  stream.return = (value) => {
    if (!ended) drop();
    end((failed = undefined), true);
    return leave(value);
  };
  return {
    stream,
    end,
    push(more, length) {
      if (ended) return;
      if ((received += more.length) > granted[0]) return excess();
      // The texts of the items are not known. The message has 51 other characters at least, and a character
      // takes three bytes at most.
      for (const item of more) items.push([item, Math.ceil((3 * (length - 51)) / more.length)]);
      wake?.();
    },
  };
}

/**
 * The producer's end: sends the items of a source while there is credit. Returns what ends the source, after
 * which nothing is sent, and what takes credit.
 *
 * @param tell Sends the texts of items, or with none that the result is open.
 * @param end Everything was sent, or the source has failed.
 * @param first Whether the peer has to hear that the result is open.
 */
export function produce(
  source: unknown,
  granted: Totals,
  tell: (texts: string[]) => void,
  end: (failure: Failure) => void,
  { buffered, maxMessage }: Link,
  first?: boolean,
): [stop: () => void, grant: Credit[0]] {
  let stopped = false;
  let opening: unknown;
  let iterator: any;
  let wake = () => {};
  /** The items of the next message. */
  let texts: string[] = [];
  const [grant, use] = credit(granted, () => wake());
  /** About the bytes of a message, if it has several items. */
  const most = Math.min(TURN, maxMessage);
  const stop = () => {
    stopped = true;
    texts = [];
    wake();
    // Nobody is left to be told if it fails.
    (async () => iterator?.return?.())().catch(() => {});
  };
  const flush = () => {
    const items = texts;
    texts = [];
    if (opening || items[0]) tell(items);
    opening = false;
  };
  const run = async () => {
    const items: any = await source;
    iterator = items[Symbol.asyncIterator]?.() ?? items[Symbol.iterator]();
    opening = first;
    try {
      for (let size = 0; !stopped;) {
        let ready: unknown;
        const step = Promise.resolve(iterator.next()).finally(() => (ready = true));
        // If sending fails meanwhile, nobody awaits it.
        step.catch(() => {});
        // What has no item for this long has none for now.
        for (let turns = 9; turns-- && !ready;) await 0;
        if (!ready) flush();
        const { done, value } = await step;
        if (done) return;
        const text = json(value) ?? "null";
        const bytes = bytesOf(text);
        while (!stopped && !use(1, bytes)) {
          flush();
          await new Promise<void>((resolve) => (wake = resolve));
        }
        if (stopped) return;
        if ((size += bytes + 64) > most) flush();
        texts.push(text);
        if (size > most) {
          flush();
          size = 0;
          do await new Promise((resolve) => setTimeout(resolve));
          while (!stopped && buffered() > TURN);
        }
      }
    } finally {
      if (texts[0]) flush();
    }
  };
  const finish = (failure?: Failure) => {
    if (!stopped) {
      if (failure) flush();
      end(failure);
    }
    stop();
  };
  run().then(
    () => finish(),
    (error) => finish([error]),
  );
  return [stop, grant];
}

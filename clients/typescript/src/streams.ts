// The two ends of a stream, and the credit between them (docs/protocol.md, "Credit").

import type { Link, Listen, Scope } from "./link.js";
import type { Stream } from "./types.js";
import { type Failure, type Json, bytesOf, invalid, json } from "./wire.js";

/** Items and bytes, from the beginning of a stream or of a connection. */
export type Totals = readonly [items: number, bytes: number];

/** How much of a stream may arrive before it is taken, and how much of an argument always may. */
export const WINDOW: Totals = [64, 262_144];
export const FIRST: Totals = [16, 16_384];
/** How many notifications may arrive before they are served. */
export const NOTIFICATIONS: Totals = [1024, 1_048_576];

/** Bytes that are sent before other events have their turn, and that may wait for the network meanwhile. */
const TURN = 65_536;

export const isTotal = (value: Json): boolean => Number.isInteger(value) && value >= 0;
export const areTotals = (value: Json): value is Totals =>
  Array.isArray(value) && value.length == 2 && value.every(isTotal);

/**
 * The sender's side of credit. Returns what counts items that are sent, if they may be.
 *
 * @param word The word with new totals of the peer.
 * @param changed Hears of them.
 */
export function sender(listen: Listen, word: string, [items, bytes]: Totals, changed: () => void) {
  let sent = 0;
  let sentBytes = 0;
  listen(word, (totals) => {
    // The larger totals count, and malformed ones are ignored.
    if (!areTotals(totals)) return;
    items = Math.max(items, totals[0]);
    bytes = Math.max(bytes, totals[1]);
    changed();
  });
  return (more: number, moreBytes: number): boolean => {
    // A single item may exceed the bytes, if some are left.
    const enough = sent + more <= items && sentBytes + (more > 1 ? moreBytes : 0) < bytes;
    if (enough) {
      sent += more;
      sentBytes += moreBytes;
    }
    return enough;
  };
}

/**
 * The receiver's side of credit. Returns what counts items that have arrived, and items and bytes that were
 * taken. It says whether what has arrived was granted.
 *
 * @param grant Sends the peer new totals, when half of the window was taken.
 */
export function receiver([most, mostBytes]: Totals, granted: Totals, grant: (totals: Totals) => void) {
  let [items, bytes] = [most, mostBytes];
  let received = 0;
  return (arrived: number, taken: number, takenBytes: number): boolean => {
    received += arrived;
    items += taken;
    bytes += takenBytes;
    if (!arrived && (items - granted[0] >= most / 2 || bytes - granted[1] >= mostBytes / 2))
      grant((granted = [items, bytes]));
    return received <= granted[0];
  };
}

/** The consumer's end of a stream. */
export interface Inbox {
  stream: Stream<Json>;
  /** Takes items of a message of so many bytes. */
  push(items: Json[], size: number): void;
  /** The stream is complete, or has failed. */
  end(failure?: Failure, discard?: unknown): void;
}

/**
 * @param granted What the producer may send at first.
 * @param grant Sends it new totals.
 * @param drop Nothing more is wanted, or it has failed.
 * @param begin Somebody reads.
 */
export function inbox(
  granted: Totals,
  grant: (totals: Totals) => void,
  drop: (failure?: Failure) => void,
  begin?: () => void,
): Inbox {
  /** Each item with its share of the bytes. */
  let items: [Json, number][] = [];
  /** Empty if it is complete, or what it has failed with. */
  let ended: readonly unknown[] | undefined;
  let wake: (() => void) | undefined;
  const count = receiver(WINDOW, granted, (totals) => ended || grant(totals));
  const end: Inbox["end"] = (failure, discard) => {
    if (discard) items = [];
    ended ??= failure ?? [];
    wake?.();
  };
  const stream = (async function* () {
    begin?.();
    count(0, 0, 0);
    for (;;) {
      const item = items.shift();
      if (item) {
        count(0, 1, item[1]);
        yield item[0];
      } else if (!ended) await new Promise<void>((resolve) => (wake = resolve));
      else if (ended.length) throw ended[0];
      else return;
    }
  })();
  const leave = stream.return.bind(stream);
  // It does not wait for an item, as a generator's own would.
  stream.return = (value) => {
    if (!ended) drop();
    end(undefined, true);
    return leave(value);
  };
  return {
    stream,
    end,
    push(more, size) {
      if (ended) return;
      if (!count(more.length, 0, 0)) return drop([invalid()]);
      // The texts of the items are not known, and take no more than the message.
      for (const item of more) items.push([item, Math.ceil(size / more.length)]);
      wake?.();
    },
  };
}

/**
 * The producer's end: sends the items of a source while there is credit. Returns a promise of the end, which
 * fails as the source does, and what stops it, after which nothing is sent and the promise stays open.
 *
 * @param at The id of the call, and the number of the argument.
 * @param item The word with items.
 * @param more The word with totals.
 */
export function produce(
  { buffered, maxMessage, tell }: Link,
  { listen, ends }: Scope,
  at: Json[],
  item: string,
  more: string,
  source: unknown,
  granted: Totals,
): [sent: Promise<void>, stop: () => void] {
  let stopped: unknown;
  let opening: unknown;
  let iterator: any;
  let wake: (() => void) | undefined;
  /** The items of the next message. */
  let texts: string[] = [];
  /** About the bytes of a message, if it has several items. */
  const most = Math.min(TURN, maxMessage);
  const use = sender(listen, more + json(at), granted, () => wake?.());
  const stop = () => {
    stopped = true;
    wake?.();
    // Nobody is left to be told if it fails.
    (async () => iterator?.return?.())().catch(() => {});
  };
  const flush = () => {
    if (!stopped && (opening || texts[0])) tell(item, at, texts);
    opening = false;
    texts = [];
  };
  const run = async () => {
    try {
      const items: any = await source;
      iterator = (items[Symbol.asyncIterator] ?? items[Symbol.iterator]).call(items);
      // The peer has to hear that a result is open.
      opening = at.length < 2;
      for (let size = 0; !stopped;) {
        let ready: unknown;
        const step = Promise.resolve(iterator.next()).finally(() => (ready = true));
        // If sending fails meanwhile, nobody awaits it.
        step.catch(() => {});
        // What has no item for this long has none for now.
        for (let turns = 9; turns-- && !ready;) await 0;
        if (!ready) flush();
        const { done, value } = await step;
        if (done) return void (opening = false);
        const text = json(value) ?? "null";
        const bytes = bytesOf(text);
        while (!stopped && !use(1, bytes)) {
          flush();
          await new Promise<void>((resolve) => (wake = resolve));
        }
        if ((size += bytes + 64) > most) {
          flush();
          size = bytes;
          do await new Promise((resolve) => setTimeout(resolve));
          while (!stopped && buffered()! > TURN);
        }
        texts.push(text);
      }
    } finally {
      flush();
    }
  };
  ends.push(stop);
  return [run().finally(() => (stopped ? new Promise(() => {}) : stop())), stop];
}

// The calls of this side, over all connections: from the stub to the response.

import { ClosedError } from "./errors.js";
import type { Link, Scope } from "./link.js";
import { FIRST, type Inbox, NOTIFICATIONS, WINDOW, inbox, produce, sender } from "./streams.js";
import { rowsOf } from "./tables.js";
import type { Close, ConnectOptions, Method, ProgressOptions } from "./types.js";
import {
  type Failure,
  type Json,
  MOST_IN_BATCH,
  bytesOf,
  decodeError,
  errorObject,
  json,
  message,
} from "./wire.js";

/** A call of this side, or a notification. */
interface Call {
  /** Its message. */
  text: string;
  notification: boolean | undefined;
  /** It has streams. */
  streaming: unknown;
  /** The phase of the connection from which on it may be sent. */
  needs: number;
  over?: boolean;
  /** Is called when it is sent. */
  begin(): void;
  /** Ends it without an answer. */
  refuse(error?: unknown): void;
}

/** Timers take no such delay. */
const FOREVER = 2 ** 31;
const MOST_SENT = 5;

/** The message of a call. */
const textOf = (row: Method, args: unknown[], id: number | undefined, onprogress: unknown): string => {
  const { name: method, params: names, style, streams, stream } = row;
  const values = names.map((_, k) => (streams?.includes(k) ? { stream: k } : args[k]));
  while (!style && values.length && values.at(-1) === undefined) values.pop();
  const params =
    style == "single"
      ? values[0]
      : style
        ? Object.fromEntries(values.map((value, k) => [names[k], value]))
        : names[0] && values;
  return message({ method, params, progress: onprogress && true, stream: stream && WINDOW, id });
};

/**
 * The calls of a client. What may be sent depends on the phase of the connection: nothing (0), the calls of
 * `onconnect` and of handlers (1), or all (2). In phase -1 there is no other connection.
 */
export function callsOf(link: Link, defaults: ConnectOptions) {
  const { send, fit, tell, scope, heard } = link;
  let queue: Call[][] = [];
  let places = defaults.queue ?? 1024;
  /** The calls of the batch that is being made. */
  let collected: Call[] | undefined;
  let lastId = 0;
  let last: Close = { code: 1006, reason: "" };
  let phase = 0;
  /** Takes credit for notifications. */
  let use: ReturnType<typeof sender>;

  const refuse = (calls: Call[], error?: unknown) => {
    for (const call of calls) call.refuse(error);
  };

  /** Sends the calls of a message. Returns whether they have to wait. */
  const waits = (all: Call[]): boolean => {
    const calls = all.filter((call) => !call.over);
    if (!calls[0]) return false;
    if (phase < calls[0].needs) return true;
    try {
      if (all[MOST_IN_BATCH]) throw new RangeError("more than 256 calls");
      if ((all[1] || !link.v1) && calls.some((call) => call.streaming))
        throw new TypeError("streams need birpc.v1");
      const texts = calls.map((call) => call.text);
      const text = fit(all[1] ? `[${texts}]` : texts[0]!);
      // What cannot be sent takes no credit, since the peer would never give it back.
      const notes = calls.filter((call) => call.notification);
      const size = bytesOf(notes.map((call) => call.text).join(""));
      if (notes[0] && link.v1 && !use(notes.length, size)) return true;
      for (const call of calls) call.begin();
      send(text);
    } catch (error) {
      refuse(calls, error);
    }
    return false;
  };

  /** Sends what may be sent. */
  const flush = () => {
    queue = queue.filter(waits);
  };

  const submit = (calls: Call[]) => {
    queue.push(calls);
    flush();
    // If it could not be sent, it is the last.
    if (queue.length > places && queue.at(-1) == calls) refuse(queue.pop()!);
  };

  /** Makes a call, and returns what the stub returns. */
  const invoke = (row: Method, args: unknown[], needs: number): unknown => {
    const { params, streams, stream, notification, idempotent } = row;
    const options = (args[params.length] ?? {}) as ProgressOptions<Json>;
    const { signal, timeout = defaults.timeout, onprogress } = options;
    let id: number | undefined;
    let sent = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let finish: (failure?: Failure, value?: unknown) => void;
    let box: Inbox | undefined;
    /** While it is open on a connection. */
    let opened: Scope | undefined;
    const close = () => {
      opened?.close();
      opened = undefined;
    };
    const settle = (failure?: Failure, value?: unknown) => {
      if (call.over) return;
      call.over = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      close();
      finish(failure, value);
    };
    /** Ends the call, and tells the peer. */
    const leave = (failure?: Failure) => {
      if (opened && link.v1) tell("cancel", { id });
      settle(failure, true);
    };
    const abort = () => leave([signal!.reason]);
    const call: Call = {
      text: "",
      notification,
      streaming: stream || streams,
      needs,
      refuse: (error = new ClosedError(last, !!sent)) => settle([error]),
      begin() {
        sent++;
        if (notification) return settle();
        opened = scope((error, again) => {
          close();
          // A source that has begun cannot begin again.
          if (again && idempotent && !call.streaming && sent < MOST_SENT) queue.push([call]);
          else settle([error]);
        });
        const { listen } = opened;
        const at = json([id]);
        listen(id!, ([result, error]) => {
          if (error == null && result !== undefined) settle(undefined, result);
          else settle([decodeError(result == null && error)]);
        });
        if (box)
          listen(`item${at}`, (items, size) => {
            clearTimeout(timer);
            box!.push(items, size);
          });
        if (onprogress)
          listen(`progress${at}`, (values) => {
            if (values.length == 1) queueMicrotask(() => onprogress(values[0]));
          });
        for (const k of streams ?? []) {
          const at = [id, k];
          const [sent, stop] = produce(link, opened, at, "push", "want", args[k], FIRST);
          listen(`stop${json(at)}`, stop);
          sent
            .then(
              () => tell("done", at),
              (error) => tell("done", [...at, errorObject(error)]),
            )
            // The error is no JSON, or too large.
            .catch(() => tell("done", [...at, errorObject(0)]));
        }
      },
    };
    const start = () => {
      signal?.throwIfAborted();
      if (!notification) id = ++lastId;
      call.text = textOf(row, args, id, onprogress);
      if (timeout! < FOREVER)
        timer = setTimeout(() => leave([new DOMException("timeout", "TimeoutError")]), timeout);
      signal?.addEventListener("abort", abort);
      if (collected) collected.push(call);
      else submit([call]);
    };
    if (stream) {
      // The call is made when somebody reads.
      box = inbox(WINDOW, (totals) => tell("more", [id, ...totals]), leave, start);
      finish = (failure, discard) => box!.end(failure, failure && discard);
      return box.stream;
    }
    const promise = new Promise((resolve, reject) => {
      finish = (failure, value) => (failure ? reject(failure[0]) : resolve(value));
      start();
    });
    // A notification that is lost is no error of a program that does not wait for it.
    if (notification) promise.catch(() => {});
    return promise;
  };

  return [
    /** The stub of a table, whose calls go out from a phase on. */
    (table: Json, needs: number): any => {
      const rows = rowsOf(table);
      return new Proxy({} as any, {
        get: (_, key: string) =>
          Object.hasOwn(rows, key) ? (...args: unknown[]) => invoke(rows[key]!, args, needs) : undefined,
      });
    },
    /** Makes a batch. */
    (make: () => readonly unknown[]): any => {
      const calls: Call[] = (collected = []);
      try {
        return Promise.all(make());
      } finally {
        collected = undefined;
        submit(calls);
      }
    },
    /** Another phase, behind a connection that has ended so. */
    (now: number, close = last): void => {
      last = close;
      phase = now;
      if (now == 1) {
        use = sender((to, grant) => heard.set(to, grant), "allow[]", NOTIFICATIONS, flush);
      }
      if (now < 0) {
        places = -1;
        refuse(queue.splice(0).flat());
      }
      flush();
    },
  ] as const;
}

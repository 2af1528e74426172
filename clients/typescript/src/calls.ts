// The calls of this side, over all connections: from the stub to the response.

import { ClosedError } from "./errors.js";
import type { Link } from "./link.js";
import { type Credit, FIRST, type Inbox, NOTIFICATIONS, WINDOW, credit, inbox, produce } from "./streams.js";
import { rowsOf } from "./tables.js";
import type { Close, ConnectOptions, Method, ProgressOptions } from "./types.js";
import {
  type Failure,
  type Json,
  MOST_IN_BATCH,
  bytesOf,
  decodeError,
  errorObject,
  invalid,
  json,
  message,
} from "./wire.js";

/** A call of this side, or a notification. */
interface Call extends Method {
  /** Its message, without its id. */
  text: string;
  /** How often it was sent. */
  sent: number;
  over?: boolean;
  /** It does not wait for `onconnect`. */
  direct: boolean | undefined;
  /** Its arguments that are streams. */
  sources: [k: number, source: unknown][];
  /** Hears of the answer to the request with this id, and begins to send streams. */
  listen(id: number): void;
  /** Ends it. */
  settle(failure?: Failure, value?: unknown): void;
  /** What ends it on its connection. */
  ends: (() => void)[];
}

/** The longest delay of `setTimeout`. */
const LONGEST = 2 ** 31 - 1;
const MOST_SENT = 5;

/** The calls of a client. */
export function callsOf(link: Link, options: ConnectOptions) {
  const { send, fit, tell, scope } = link;
  /** Those that were sent. */
  const open = new Set<Call>();
  let queue: Call[][] = [];
  let places = options.queue ?? 1024;
  /** The calls of the batch that is being made. */
  let collected: Call[] | undefined;
  let lastId = 0;
  let last: Close = { code: 1006, reason: "" };
  /** What may be sent: nothing, the calls of `onconnect` and of handlers, or all. */
  let phase = 0;
  /** The credit for notifications. */
  let allowed: Credit;

  const refuse = (calls: Iterable<Call>, error?: unknown) => {
    for (const call of calls) call.settle([error ?? new ClosedError(last, !!call.sent)]);
  };

  /** Sends the calls of a message. Returns whether they have to wait. */
  const waits = (all: Call[]): boolean => {
    const calls = all.filter((call) => !call.over);
    if (!calls[0]) return false;
    if (phase < (calls[0].direct ? 1 : 2)) return true;
    try {
      if (all[MOST_IN_BATCH]) throw new RangeError("more than 256 calls");
      if ((all[1] || !link.v1) && calls.some((call) => call.stream || call.sources[0]))
        throw new TypeError("streams need birpc.v1");
      let id = lastId;
      const texts = calls.map(({ notification, text }) =>
        notification ? text : `${text.slice(0, -1)},"id":${++id}}`,
      );
      const text = fit(all[1] ? `[${texts}]` : texts[0]!);
      // What cannot be sent takes no credit, since the peer would never give it back.
      const sizes = calls.filter((call) => call.notification).map((call) => bytesOf(call.text));
      if (
        sizes[0] &&
        link.v1 &&
        !allowed[1](
          sizes.length,
          sizes.reduce((sum, size) => sum + size),
        )
      )
        return true;
      for (const call of calls) {
        call.sent++;
        if (!call.notification) call.listen(++lastId);
      }
      send(text);
      for (const call of calls) if (call.notification) call.settle();
    } catch (error) {
      refuse(calls, error);
    }
    return false;
  };

  /** Sends what may be sent. */
  const flush = () => {
    const jobs = queue;
    queue = [];
    queue = [...jobs.filter(waits), ...queue];
  };

  const submit = (calls: Call[]) => {
    queue.push(calls);
    flush();
    // If it could not be sent, it is the last.
    if (queue.length > places && queue.at(-1) == calls) refuse(queue.pop()!);
  };

  /** Makes a call, and returns what the stub returns. */
  const invoke = (method: Method, args: unknown[], direct?: boolean): unknown => {
    const { name, params, style, streams, stream, notification } = method;
    const {
      signal,
      timeout = options.timeout,
      onprogress,
    } = (args[params.length] ?? {}) as ProgressOptions<Json>;
    let id = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let finish: Call["settle"];
    let box: Inbox | undefined;
    /** Ends the call, and tells the peer. */
    const leave = (failure?: Failure) => {
      if (open.has(call) && link.v1) send(message({ method: "rpc.cancel", params: { id } }));
      call.settle(failure, true);
      flush();
    };
    const abort = () => leave([signal!.reason]);
    const call: Call = {
      ...method,
      text: "",
      sent: 0,
      direct,
      sources: [],
      ends: [],
      settle(failure, value) {
        if (call.over) return;
        call.over = true;
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        open.delete(call);
        for (const end of call.ends) end();
        finish(failure, value);
      },
      listen(next) {
        id = next;
        const [listen, ends] = scope();
        open.add(call);
        call.ends = ends;
        listen("", [id], ([result, error]) => {
          if (error == null && result !== undefined) call.settle(undefined, result);
          else call.settle([decodeError(result == null && error)]);
        });
        listen("item", [id], (items, length) => {
          clearTimeout(timer);
          box?.push(items, length);
        });
        listen("progress", [id], (values) => {
          if (onprogress && values.length == 1) queueMicrotask(() => onprogress(values[0]));
        });
        for (const [k, source] of call.sources) {
          const at = [id, k];
          const end = (failure: Failure) => {
            try {
              tell("done", at, failure && [json(errorObject(failure[0]))]);
            } catch {
              // The error is no JSON, or too large.
              tell("done", at, [json(errorObject(0))]);
            }
          };
          const [stop, grant] = produce(source, FIRST, (texts) => tell("push", at, texts), end, link);
          listen("want", at, grant);
          listen("stop", at, stop);
          ends.push(stop);
        }
      },
    };
    const start = () => {
      if (timeout != null) {
        const late = () => leave([new DOMException("timeout", "TimeoutError")]);
        timer = setTimeout(late, Math.min(timeout, LONGEST));
      }
      signal?.addEventListener("abort", abort);
      try {
        const values = params.map((_, k) =>
          streams?.includes(k) ? (call.sources.push([k, args[k]]), { stream: k }) : args[k],
        );
        while (!style && values.length && values.at(-1) === undefined) values.pop();
        call.text = message({
          method: name,
          params:
            style == "single"
              ? values[0]
              : style
                ? Object.fromEntries(values.map((value, k) => [params[k], value]))
                : params[0] && values,
          progress: onprogress && true,
          stream: stream && WINDOW,
        });
      } catch (error) {
        call.settle([error]);
      }
      if (signal?.aborted) abort();
      if (collected) collected.push(call);
      else submit([call]);
    };
    if (stream) {
      // The call is made when somebody reads.
      box = inbox(
        [...WINDOW],
        (totals) => tell("more", [id, ...totals]),
        leave,
        () => leave([invalid()]),
        start,
      );
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

  return {
    stub(table: Json, direct?: boolean): any {
      const rows = rowsOf(table);
      return new Proxy({} as any, {
        get: (_, key: string) =>
          Object.hasOwn(rows, key) ? (...args: unknown[]) => invoke(rows[key]!, args, direct) : undefined,
      });
    },
    batch(make: () => readonly unknown[]): any {
      const calls: Call[] = (collected = []);
      try {
        return Promise.all(make());
      } finally {
        collected = undefined;
        submit(calls);
      }
    },
    /** More may be sent. */
    begin(now: number): void {
      if (!phase) allowed = credit(NOTIFICATIONS, flush);
      phase = now;
      flush();
    },
    /** The peer allows more notifications. */
    allow(totals: Json[]): void {
      allowed[0](totals);
    },
    /** The connection has ended, and there will be another one or none. */
    lost(close: Close, again: boolean): void {
      last = close;
      phase = 0;
      for (const call of open) {
        open.delete(call);
        for (const end of call.ends) end();
        // A source that has begun cannot begin again.
        if (again && call.idempotent && !call.stream && !call.sources[0] && call.sent < MOST_SENT)
          queue.push([call]);
        else refuse([call]);
      }
      if (again) return;
      places = -1;
      refuse(queue.splice(0).flat());
    },
  };
}

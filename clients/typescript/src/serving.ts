// The calls of the peer on one connection: from the request to the reply.

import type { Link } from "./link.js";
import { FIRST, NOTIFICATIONS, type Totals, inbox, isTotal, produce, taker } from "./streams.js";
import { rowsOf } from "./tables.js";
import type { Method, Peer, Served } from "./types.js";
import {
  type Failure,
  type Json,
  bytesOf,
  cancelled,
  decodeError,
  errorReply,
  failure,
  invalid,
  json,
  message,
} from "./wire.js";

/** Takes a reply, or hears that none comes. */
export type Reply = (text?: string) => void;

/** Methods with their implementations, by the names of the wire. */
export type Handlers = Map<string, [row: Method, run: (...args: unknown[]) => unknown]>;

const MOST_OPEN = 4096;

export function handlersOf(served: readonly Served[] = []): Handlers {
  const handlers: Handlers = new Map();
  for (const table of served as Json) {
    for (const [key, row] of Object.entries(rowsOf(table))) {
      handlers.set(row.name, [row, (...args) => table.implementation[key](...args)]);
    }
  }
  return handlers;
}

/** The calls of the peer on one connection. */
export function servingOf(link: Link, peer: Peer, handlers: Handlers) {
  const { fit, tell, scope, find } = link;
  /** What ends those that are open, for a reason. */
  const open = new Set<(reason: Error) => void>();
  const granted: Totals = [...NOTIFICATIONS];
  const take = taker(NOTIFICATIONS, granted, (totals) => tell("allow", totals));
  let notified = 0;

  /** Serves a request, or a notification. Throws an error for the peer. */
  const run = ({ id, method, params, stream, progress }: Json, reply: Reply, alone: boolean) => {
    const handler = handlers.get(method);
    if (!handler) throw failure(-32601, "Method not found", { method: method.slice(0, 200) });
    const [row, implementation] = handler;
    const { params: names, style, optional, streams } = row;
    const opening = !row.stream || (stream?.length == 2 && Array.isArray(stream) && stream.every(isTotal));
    if ((row.stream || streams) && !(link.v1 && alone && opening)) throw invalid();
    const controller = new AbortController();
    const [listen, ends] = scope();
    let over: unknown;
    let newest: string | undefined;
    /** Ends it with a reply, and if it does not end by itself with a reason for its handler. */
    const end = (text: () => string, reason?: Error) => {
      if (over) return;
      over = true;
      open.delete(cancel);
      for (const each of ends) each();
      if (reason) controller.abort(reason);
      try {
        reply(text());
      } catch {
        // It is no JSON, or too large.
        reply(errorReply(id, undefined));
      }
    };
    const complete = (result: unknown) => end(() => fit(message({ id, result: result ?? null })));
    const fail = (error: unknown) => end(() => fit(errorReply(id, error)));
    const cancel = (error: Error) => end(() => errorReply(id, error), error);
    const values = style == "single" ? [params ?? undefined] : params;
    const seen: Json[] = [];
    const wrong = (name: string) => failure(-32602, "Invalid params", { detail: name });
    const args = names.map((name, i) => {
      const value = Array.isArray(values) ? values[i] : values?.[name];
      if (!streams?.includes(i)) {
        if (value === undefined && !optional?.includes(i)) throw wrong(name);
        return value;
      }
      const k = value?.stream;
      if (!isTotal(k) || k > 65_535 || Object.keys(value).length > 1 || seen.includes(k)) throw wrong(name);
      seen.push(k);
      const at = [id, k];
      const stop = () => tell("stop", at);
      const box = inbox(
        [...FIRST],
        (totals) => tell("want", [...at, ...totals]),
        stop,
        () => cancel(invalid()),
      );
      listen("push", at, box.push);
      listen("done", at, (failure) => box.end(failure.length ? [decodeError(failure[0])] : undefined));
      ends.push(() => box.end([cancelled()], true));
      return box.stream;
    });
    if (Array.isArray(values) && values.slice(names.length).some((value) => value !== null))
      throw wrong("too many");
    if (id != null) listen("cancel", [id], () => cancel(cancelled()));
    open.add(cancel);
    const report = (value: unknown) => {
      if (progress !== true || !link.v1 || id == null) return;
      // Of several reports at once the newest is sent.
      if (!newest) {
        queueMicrotask(() => {
          try {
            if (!over) tell("progress", [id], [newest!]);
          } catch {
            // A report that is too large is not sent.
          }
          newest = undefined;
        });
      }
      newest = json(value) ?? "null";
    };
    const result = (async () =>
      implementation(...args, { signal: controller.signal, peer, progress: report }))();
    if (!row.stream) return void result.then(complete, fail);
    const sent = (failure: Failure) => (failure ? fail(failure[0]) : complete(null));
    const [stop, grant] = produce(result, stream, (texts) => tell("item", [id], texts), sent, link, true);
    listen("more", [id], grant);
    ends.push(stop);
  };

  return {
    request(request: Json, reply: Reply, alone: boolean): void {
      const { id, method, params } = request;
      try {
        if (find("cancel", [id])) throw invalid();
        if (link.v1 && method == "rpc.ping" && params == null) reply(message({ id, result: null }));
        else if (open.size >= MOST_OPEN) throw failure(-32005, "Limit exceeded", { served: false });
        else run(request, reply, alone && id != null);
      } catch (error) {
        reply(errorReply(id, error));
      }
    },
    /** Returns false if it had no credit. */
    notify(notification: Json, text: string): boolean {
      if (link.v1 && ++notified > granted[0]) return false;
      const done = () => link.v1 && take(1, bytesOf(text));
      // The credit comes back at once, since a handler may wait for the peer, unless too many of them run.
      const many = open.size >= MOST_OPEN;
      // Other peers have no credit, so what is too much is dropped.
      if (many && !link.v1) return true;
      try {
        run(notification, many ? done : () => {}, false);
        if (!many) done();
      } catch {
        // There is no such method, or its params do not decode.
        done();
      }
      return true;
    },
    /** The connection has ended. */
    lost(reason: Error): void {
      for (const cancel of open) cancel(reason);
    },
  };
}

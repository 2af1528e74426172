// What arrives on one connection, and the calls of the peer, from the request to the reply.

import type { Link, Scope } from "./link.js";
import { FIRST, NOTIFICATIONS, areTotals, inbox, isTotal, produce, receiver } from "./streams.js";
import { rowsOf } from "./tables.js";
import type { Method, Peer, Served } from "./types.js";
import {
  type Json,
  cancelled,
  decodeError,
  errorObject,
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
    for (const [key, row] of Object.entries(rowsOf(table)))
      handlers.set(row.name, [row, (...args) => table.implementation[key](...args)]);
  }
  return handlers;
}

/**
 * Returns what takes a message, or an element of a batch: `size` are the bytes of the message.
 *
 * @param refuse Ends the connection, since the peer has sent what it had no credit for.
 */
export function servingOf(link: Link, peer: Peer, handlers: Handlers, refuse: () => void) {
  const { fit, heard, tell, v1 } = link;
  const count = receiver(NOTIFICATIONS, NOTIFICATIONS, (totals) => tell("allow", totals));
  let open = 0;

  /** The arguments of a handler. Throws an error for the peer. */
  const argumentsOf = (row: Method, { id, params }: Json, scope: Scope, cancel: (error: Error) => void) => {
    const { params: names, style, optional, streams } = row;
    const wrong = (detail: string) => failure(-32602, "Invalid params", { detail });
    const values =
      style == "single"
        ? [params ?? undefined]
        : Array.isArray(params)
          ? params
          : names.map((name) => params?.[name]);
    if (values.slice(names.length).some((value: Json) => value !== null)) throw wrong("too many");
    return names.map((name, i) => {
      const value = values[i];
      if (!streams?.includes(i)) {
        if (value === undefined && !optional?.includes(i)) throw wrong(name);
        return value;
      }
      const k = value?.stream;
      const at = [id, k];
      const push = `push${json(at)}`;
      if (!isTotal(k) || k > 65_535 || Object.keys(value).length > 1 || heard.has(push)) throw wrong(name);
      const box = inbox(
        FIRST,
        (totals) => tell("want", [...at, ...totals]),
        (failure) => (failure ? cancel(failure[0] as Error) : tell("stop", at)),
      );
      scope.listen(push, box.push);
      scope.listen(`done${json(at)}`, (failure) =>
        box.end(failure.length ? [decodeError(failure[0])] : undefined),
      );
      scope.ends.push(() => box.end([cancelled()], true));
      return box.stream;
    });
  };

  /** Serves a request or a notification. */
  const serve = async (request: Json, valid: boolean, size: number, alone: boolean, reply: Reply) => {
    const { id, method, params, stream, progress } = request;
    const isRequest = id !== undefined;
    const many = open >= MOST_OPEN;
    const done = () => isRequest || (v1 && count(0, 1, size));
    if (!isRequest) {
      reply();
      if (v1 && !count(1, 0, 0)) return refuse();
    }
    // The credit comes back at once, since a handler may wait for the peer, unless too many of them run.
    if (!many) done();
    const controller = new AbortController();
    let over: unknown;
    let reports = 0;
    /** Ends it with a reply, and if it does not end by itself with a reason for its handler. */
    const end = (members: object, reason?: Error) => {
      if (over) return;
      over = true;
      open--;
      close();
      if (reason) controller.abort(reason);
      if (many) done();
      if (!isRequest) return;
      try {
        reply(fit(message({ id, ...members })));
      } catch {
        // It is no JSON, or too large.
        reply(errorReply(id, 0));
      }
    };
    const cancel = (error: Error) => end({ error: errorObject(error) }, error);
    const scope = link.scope(cancel);
    const { listen, close } = scope;
    open++;
    try {
      const at = json([id]);
      if (!valid || heard.has(`cancel${at}`)) throw invalid();
      if (v1 && method == "rpc.ping" && isRequest && params == null) return end({ result: null });
      // Other peers have no credit, so what is too much is dropped.
      if (many && (isRequest || !v1)) throw failure(-32005, "Limit exceeded", { served: false });
      const [row, run] = handlers.get(method) ?? [];
      if (!row) throw failure(-32601, "Method not found", { method: method.slice(0, 200) });
      if ((row.stream || row.streams) && !(v1 && alone && id != null && (!row.stream || areTotals(stream))))
        throw invalid();
      const args = argumentsOf(row, request, scope, cancel);
      if (id != null) listen(`cancel${at}`, () => cancel(cancelled()));
      const report = (value: unknown) => {
        const mine = ++reports;
        // Of several reports at once the newest is sent, unless it is too large.
        if (progress === true && v1 && id != null)
          Promise.resolve()
            .then(() => over || mine < reports || tell("progress", [id, value]))
            .catch(() => {});
      };
      let result = run!(...args, { signal: controller.signal, peer, progress: report });
      if (row.stream) [result] = produce(link, scope, [id], "item", "more", result, stream);
      end({ result: (await result) ?? null });
    } catch (error) {
      end({ error: errorObject(error) });
    }
  };

  return (element: Json, size: number, alone: boolean, reply: Reply): void => {
    const { jsonrpc, id, method, params, result, error } = element ?? {};
    if (method === undefined) {
      const answer = typeof id == "number" && heard.get(id);
      if (answer) answer([result, error], size);
      if (answer || result !== undefined || error !== undefined) return reply();
    }
    const named = /^[sn]/.test(typeof (id ?? ""));
    const valid =
      named && jsonrpc === "2.0" && typeof method == "string" && typeof (params ?? {}) == "object";
    if (!valid || id !== undefined || !v1 || !method.startsWith("rpc."))
      return void serve(valid ? element : { id: named ? id ?? null : null }, valid, size, alone, reply);
    reply();
    const list = Array.isArray(params) ? params : [params?.id];
    try {
      // It is about this connection, a call, or an argument. What nobody listens to is ignored.
      for (let n = 0; n < 3; n++) heard.get(method.slice(4) + json(list.slice(0, n)))?.(list.slice(n), size);
    } catch {
      // An id nests too deep for a text.
    }
  };
}

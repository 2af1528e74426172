// The connections of a client, one after another, what arrives on them, and the peer that stands for all of
// them.

import { callsOf } from "./calls.js";
import { ClosedError } from "./errors.js";
import type { Link } from "./link.js";
import { type Reply, handlersOf, servingOf } from "./serving.js";
import type { Close, ConnectOptions, Peer, Socket, State } from "./types.js";
import { type Json, MOST_IN_BATCH, bytesOf, errorReply, failure, invalid, message } from "./wire.js";

/** Where to connect to: a URL, or a function that is asked for it before each attempt. */
export type Address = string | URL | (() => string | URL | Promise<string | URL>);

/** The codes after which another connection is tried. */
const AGAIN = [1001, 1006, 1011, 1012, 1013];
/** So many messages in a row that are not JSON end the connection. */
const MOST_RUBBISH = 16;

/**
 * Connects to a server that speaks JSON-RPC 2.0 over WebSockets. The peer is there at once: calls that are
 * made before the connection is open wait for it.
 *
 * @param url Where to. A function can add a fresh token at each attempt; if it fails, the attempt has failed.
 */
export function connect(url: Address, options: ConnectOptions = {}): Peer {
  const { onconnect, heartbeat = 20_000, maxMessage = 1_048_576, reconnect = {} } = options;
  const { first = 250, most = 30_000 } = reconnect || {};
  const handlers = handlersOf(options.serve);
  const listeners = new Set<(state: State) => void>();
  /** Calls of both sides, and what ends them with the connection. */
  const open = new Set<(error: Error, again: boolean) => void>();
  let socket: Socket | undefined;
  /** Serves what the peer calls, while the connection is open. */
  let serve: ReturnType<typeof servingOf> | undefined;
  /** The next attempt, or the heartbeat of this one. */
  let timer: ReturnType<typeof setTimeout> | undefined;
  /**
   * The heartbeats since the last message, the messages in a row that were not JSON, and the attempts that
   * failed.
   */
  let silent = 0;
  let rubbish = 0;
  let failed = 0;
  let ended: (close: Close) => void;

  const link: Link = {
    v1: false,
    maxMessage,
    heard: new Map(),
    send: (text) => socket?.send(text),
    fit(text) {
      if (bytesOf(text) > maxMessage) throw new RangeError("a message over maxMessage");
      return text;
    },
    tell(name, params, texts = []) {
      const text = message({ method: `rpc.${name}`, params });
      send(link.fit(texts[0] ? `${text.slice(0, -2)},${texts}]}` : text));
    },
    buffered: () => socket?.bufferedAmount,
    scope(lose) {
      const ends: (() => unknown)[] = [() => open.delete(lose)];
      open.add(lose);
      return {
        ends,
        listen(to, listener) {
          link.heard.set(to, listener);
          ends.push(() => link.heard.delete(to));
        },
        close() {
          for (const end of ends) end();
        },
      };
    },
  };
  const { send } = link;
  const [stub, batch, enter] = callsOf(link, options);

  const receive = (data: string | ArrayBuffer) => {
    let text: string, message: Json;
    silent = 0;
    try {
      text = typeof data == "string" ? data : new TextDecoder("utf-8", { fatal: true }).decode(data);
      message = JSON.parse(text);
      rubbish = 0;
    } catch {
      if (++rubbish < MOST_RUBBISH) send(errorReply(null, failure(-32700, "Parse error")));
      else abandon(1007, `${MOST_RUBBISH} messages in a row were not JSON`);
      return;
    }
    const alone = !Array.isArray(message);
    const elements = alone ? [message] : message;
    let due = elements.length;
    if (!due || due > MOST_IN_BATCH) return send(errorReply(null, invalid()));
    const replies: string[] = [];
    const reply: Reply = (text) => {
      if (text) replies.push(text);
      if (--due || !replies[0]) return;
      const all = `[${replies}]`;
      // Each of them fits in a message.
      (alone || bytesOf(all) > maxMessage ? replies : [all]).forEach(send);
    };
    const size = bytesOf(text);
    // What ends the connection ends the batch.
    for (const element of elements) serve?.(element, size, alone, reply);
  };

  const set = (state: State) => {
    if (state != peer.state) for (const listener of listeners) queueMicrotask(() => listener(state));
    peer.state = state;
  };

  /** The connection has ended, or an attempt has failed. With a code to send, this side has ended it. */
  const lost = (code: number, reason: string, sent = 1000) => {
    const close = { code, reason };
    const again = code != sent && reconnect !== false && AGAIN.includes(code);
    const closing = socket;
    socket = serve = undefined;
    clearInterval(timer);
    timer = undefined;
    closing?.close(sent, reason);
    enter(0, close);
    for (const lose of open) lose(new ClosedError(close, true), again);
    if (!again) enter(-1);
    // What has just ended may have closed the client.
    if (peer.state == "closed") return;
    if (again) {
      // All clients of a server may see the codes of its own end at once.
      const least = failed || code == 1006 || code == 1011 ? 0 : 2_000;
      timer = setTimeout(wake, Math.random() * Math.max(least, Math.min(most, first * 2 ** failed++)));
      set("waiting");
    } else {
      events("remove");
      set("closed");
      ended(close);
    }
  };

  /** Ends the connection for what the peer did. A page may not send the codes of the protocol. */
  const abandon = (code: number, reason: string) => lost(code, reason, code + 3000);

  /** Runs at each heartbeat. */
  const watch = () => {
    if (serve) failed = 0;
    if (!serve || (++silent > 2 && link.v1)) lost(1006, "the peer is silent");
    else if (silent == 2 && link.v1) send(message({ method: "rpc.ping", id: "ping" }));
  };

  const attempt = async () => {
    const mine = (timer = setInterval(watch, heartbeat));
    silent = rubbish = 0;
    set("connecting");
    /** What is no URL, or not allowed here, is not tried again. */
    let final: number | undefined;
    try {
      const target = await (typeof url == "function" ? url() : url);
      if (mine != timer) return;
      final = 1006;
      const opening = new (options.WebSocket ?? WebSocket)(`${target}`, ["jsonrpc", "birpc.v1"]) as Socket;
      socket = opening;
      opening.binaryType = "arraybuffer";
      // An engine may say nothing else if a connection cannot be opened, or another code than 1006.
      opening.onerror = () => socket == opening && !serve && lost(1006, "no connection");
      opening.onclose = ({ code, reason }) => socket == opening && lost((serve && code) || 1006, reason);
      opening.onmessage = ({ data }) => socket == opening && receive(data);
      opening.onopen = async () => {
        if (socket != opening) return;
        link.v1 = (peer.protocol = opening.protocol) == "birpc.v1";
        serve = servingOf(link, direct, handlers, () =>
          abandon(1008, "a notification without credit (rpc.allow)"),
        );
        enter(1);
        try {
          await onconnect?.(direct);
        } catch {
          if (socket == opening) abandon(1011, "onconnect failed");
        }
        if (socket == opening) {
          set("open");
          enter(2);
        }
      };
    } catch (error) {
      if (mine == timer) lost(1006, `${error}`, final);
    }
  };

  /** Ends the wait for the next attempt. */
  const wake = () => {
    if (peer.state == "waiting") {
      clearTimeout(timer);
      void attempt();
    }
  };

  /** The network may be back, or somebody may look. */
  const events = (verb: "add" | "remove") => {
    for (const event of ["online", "visibilitychange"]) globalThis[`${verb}EventListener`]?.(event, wake);
  };

  const peer: { -readonly [K in keyof Peer]: Peer[K] } = {
    state: "connecting",
    protocol: "",
    closed: new Promise((resolve) => (ended = resolve)),
    call: (table) => stub(table, 2),
    batch,
    onstate(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close(code = 1000, reason = "") {
      if (code != 1000 && !(code >= 3000 && code < 5000)) throw new RangeError("close code");
      // It throws if the reason is too long.
      socket?.close(code, reason);
      if (peer.state != "closed") lost(code, reason, code);
    },
  };
  /** The peer for `onconnect` and for handlers. */
  const direct: Peer = { __proto__: peer, call: (table: Json) => stub(table, 1) } as any;

  events("add");
  void attempt();
  return peer;
}

// A WebSocket whose other side is the test.

import { connect } from "../dist/index.js";
import { settled } from "./harness.js";
import { served, testbed } from "./tables.js";

/** Makes sockets for `connect`, and keeps them. */
export function fakeSockets(protocol = "birpc.v1") {
  const made = [];
  class FakeSocket {
    readyState = 0;
    protocol = "";
    bufferedAmount = 0;
    sent = [];
    closes = [];

    constructor(url, protocols) {
      Object.assign(this, { url, protocols });
      made.push(this);
    }

    /** The connection is open. */
    open() {
      this.readyState = 1;
      this.protocol = protocol;
      return this.onopen?.({});
    }

    send(text) {
      if (this.readyState != 1) throw new Error("sent without a connection");
      this.sent.push(text);
    }

    close(...args) {
      const [code, reason] = args;
      // In Chromium, a code that is given as undefined is 0.
      if (args.length && code != 1000 && !(code >= 3000 && code < 5000))
        throw new Error(`may not send ${code}`);
      if (new TextEncoder().encode(reason ?? "").length > 123)
        throw new SyntaxError("the reason is too long");
      if (this.readyState < 2) this.closes.push([code, reason]);
      this.readyState = 2;
    }

    /** The peer sends a message: a text, bytes, or what becomes JSON. */
    deliver(message) {
      const bytes = message instanceof ArrayBuffer;
      this.onmessage?.({ data: typeof message == "string" || bytes ? message : JSON.stringify(message) });
      return settled();
    }

    /** The connection ends. */
    end(code = 1006, reason = "") {
      this.readyState = 3;
      this.onclose?.({ code, reason });
      return settled();
    }

    /** What was sent since the last time, as JSON. */
    take() {
      return this.sent.splice(0).map((text) => JSON.parse(text));
    }
  }
  return { made, FakeSocket, last: () => made.at(-1) };
}

/** A peer whose connection is open, its stub, and its socket. */
export async function open(later, options, protocol) {
  const { FakeSocket, last } = fakeSockets(protocol);
  const peer = connect("ws://fake/", { WebSocket: FakeSocket, ...options });
  later(() => peer.close());
  await settled();
  await last().open();
  return { peer, bed: peer.call(testbed), socket: last() };
}

/** The options of a peer that serves this. */
export const page = (implementation) => ({ serve: [served(implementation)] });

export const request = (id, method, params, more) => ({ jsonrpc: "2.0", id, method, params, ...more });
export const notification = (method, params) => ({ jsonrpc: "2.0", method, params });
export const result = (id, value = null) => ({ jsonrpc: "2.0", id, result: value });
export const failure = (id, code, message = "", data) => ({
  jsonrpc: "2.0",
  id,
  error: { code, message, data },
});
export const word = (name, ...params) => notification(`rpc.${name}`, params);

// A connection of raw messages that are JSON, for scripts that know birpc from docs/protocol.md.

import { within } from "./harness.mjs";
import { opened } from "./peer.mjs";

/** 0, 1, … count-1 */
export const numbers = (count) => Array.from({ length: count }, (_, number) => number);

export class Wire {
  /** Waits for the socket; `later` is the check's list of clean-ups. */
  static async connect(later, ws) {
    const wire = new Wire(ws);
    const closed = new Promise((resolve) => ws.on("close", resolve));
    later(() => {
      ws.terminate();
      return closed;
    });
    await opened(ws);
    return wire;
  }

  constructor(ws) {
    this.ws = ws;
    this.arrived = [];
    this.awaited = [];
    this.fences = 0;
    ws.on("message", (data) => {
      const message = JSON.parse(data.toString());
      if (this.awaited.length) this.awaited.shift()(message);
      else this.arrived.push(message);
    });
  }

  send(message) {
    this.ws.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  request(id, method, params, members = {}) {
    this.send({ jsonrpc: "2.0", method, params, id, ...members });
  }

  notify(method, params) {
    this.send({ jsonrpc: "2.0", method, params });
  }

  next() {
    const take = (resolve) => (this.arrived.length ? resolve(this.arrived.shift()) : this.awaited.push(resolve));
    return within(5_000, "a message", new Promise(take));
  }

  /** The reply to a request of ours, and what came before it. */
  async reply(id) {
    const before = [];
    for (;;) {
      const message = await this.next();
      if (message.id === id && message.method === undefined) return { reply: message, before };
      before.push(message);
    }
  }

  /** The reply to `add` and what came before it: all that the testbed sends at once. */
  async fence() {
    const id = `fence ${this.fences++}`;
    this.request(id, "add", [1, 2]);
    return (await this.reply(id)).before;
  }

  /** What comes before the testbed's tasks are at rest. */
  async settled() {
    const before = await this.fence();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return [...before, ...(await this.fence())];
  }

  /** The items of a result among messages. */
  items(messages, id) {
    const words = messages.filter(({ method, params }) => method === "rpc.item" && params[0] === id);
    return words.flatMap(({ params }) => params.slice(1));
  }
}

// A JSON-RPC peer on a bare socket, so that ten thousand of them cost little.

import { connect } from "node:net";

/** The bytes of a text frame of a client. Its mask is zero. */
function frame(text) {
  const body = Buffer.from(text);
  const size = body.length;
  let head;
  if (size < 126) head = [0x81, 0x80 | size];
  else if (size < 65536) head = [0x81, 0x80 | 126, size >> 8, size & 255];
  else {
    head = Buffer.alloc(10);
    head.set([0x81, 0x80 | 127]);
    head.writeBigUInt64BE(BigInt(size), 2);
  }
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), body]);
}

/** Where the text of the first frame begins and ends; `undefined` if it is not complete. */
function bounds(heard) {
  if (heard.length < 2) return;
  const short = heard[1] & 127;
  const head = short == 126 ? 4 : short == 127 ? 10 : 2;
  if (heard.length < head) return;
  const size = short == 126 ? heard.readUInt16BE(2) : short == 127 ? Number(heard.readBigUInt64BE(2)) : short;
  if (heard.length >= head + size) return [head, head + size];
}

/** The error of a call. */
export class CallError extends Error {
  constructor({ code, message, data }) {
    super(`${code} ${message} ${JSON.stringify(data)}`);
    Object.assign(this, { code, data });
  }
}

/** A connected peer. `methods` are the functions that the server may call. */
export class Peer {
  #socket;
  #heard = Buffer.alloc(0);
  #waiting = new Map();
  #lastId = 0;
  #methods;
  /** The params of all notifications that nobody serves. */
  told = [];

  constructor(socket, methods) {
    this.#socket = socket;
    this.#methods = methods;
    socket.on("data", (data) => this.#receive(data));
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the connection has ended"));
      this.#waiting.clear();
    });
  }

  static async connect(url, methods = {}) {
    const port = Number(new URL(url).port);
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    const key = Buffer.alloc(16).toString("base64");
    socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
      + `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`);
    await new Promise((resolve, reject) => {
      let head = "";
      socket.on("error", reject);
      socket.on("data", function read(data) {
        head += data.toString("latin1");
        if (!head.includes("\r\n\r\n")) return;
        socket.off("data", read);
        socket.off("error", reject);
        head.startsWith("HTTP/1.1 101 ") ? resolve() : reject(new Error(head));
      });
    });
    return new Peer(socket, methods);
  }

  /** The result of a call. */
  call(method, ...params) {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ id, method, params });
    });
  }

  /** The id of the connection among those of all nodes. */
  id() {
    return this.call("id");
  }

  close() {
    this.#socket.destroy();
  }

  #send(members) {
    this.#socket.write(frame(JSON.stringify({ jsonrpc: "2.0", ...members })));
  }

  #receive(data) {
    let heard = this.#heard.length ? Buffer.concat([this.#heard, data]) : data;
    for (let at = bounds(heard); at; at = bounds(heard)) {
      const [begin, end] = at;
      if ((heard[0] & 15) == 1) this.#handle(JSON.parse(heard.subarray(begin, end)));
      else if ((heard[0] & 15) == 9) this.#socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
      heard = heard.subarray(end);
    }
    this.#heard = heard;
  }

  #handle({ id, method, params, result, error }) {
    if (method == undefined) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new CallError(error));
      else waiting?.resolve(result);
    } else if (id == undefined) {
      (this.#methods[method] ?? ((...params) => this.told.push(params)))(...params ?? []);
    } else {
      const answer = this.#methods[method];
      if (!answer) return this.#send({ id, error: { code: -32601, message: "Method not found" } });
      Promise.resolve(answer(...params ?? [])).then((result) => this.#send({ id, result: result ?? null }));
    }
  }
}

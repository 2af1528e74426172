// A testbed with an inspector, and peers that call it: WebSockets on bare sockets, so that a thousand cost little.

import { spawn } from "node:child_process";
import { connect } from "node:net";
import { createInterface } from "node:readline";

/** Starts the testbed with an inspector. */
export async function testbed() {
  const child = spawn(process.env.TESTBED, ["--listen", "127.0.0.1:0", "--threads", "2", "--inspect", "127.0.0.1:0"]);
  process.on("exit", () => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (start) => {
    const { value = "" } = await lines.next();
    if (!value.startsWith(start)) throw new Error(`the testbed printed ${JSON.stringify(value)}`);
    return new URL(value.slice(start.length));
  };
  const url = await line("listening on ");
  const inspector = await line("inspector on ");
  return { port: Number(url.port), inspector, stop: () => child.kill("SIGKILL") };
}

const TEXT = 0x81;
const PING = 0x89;
const PONG = 0x8a;

/** The bytes of a frame of a client. Its mask is zero. */
function frame(kind, body) {
  const head = body.length < 126
    ? Buffer.from([kind, 0x80 | body.length])
    : Buffer.from([kind, 0x80 | 126, body.length >> 8, body.length & 255]);
  return Buffer.concat([head, Buffer.alloc(4), body]);
}

/** A peer: `send` sends a message, `call` returns the result of a call whose answer is short. */
export function peer(port) {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  socket.on("error", () => {});
  const key = Buffer.alloc(16).toString("base64");
  socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
    + `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`);
  const waiting = new Map();
  let heard = Buffer.alloc(0);
  let upgraded = false;
  socket.on("data", (data) => {
    heard = heard.length ? Buffer.concat([heard, data]) : data;
    if (!upgraded) {
      const end = heard.indexOf("\r\n\r\n");
      if (end < 0) return;
      upgraded = true;
      heard = heard.subarray(end + 4);
    }
    for (let arrived = next(); arrived; arrived = next()) {
      const { kind, body } = arrived;
      if (kind === PING) socket.write(frame(PONG, body));
      const text = body.toString();
      if (!waiting.size || !text.includes('"id":"call')) continue;
      const { id, result } = JSON.parse(text);
      waiting.get(id)?.(result);
      waiting.delete(id);
    }
  });
  /** The next frame, once all of it is there. */
  const next = () => {
    const short = heard[1] & 127;
    const head = short === 126 ? 4 : 2;
    if (heard.length < head) return undefined;
    const size = short === 126 ? heard.readUInt16BE(2) : short;
    if (heard.length < head + size) return undefined;
    const arrived = { kind: heard[0], body: heard.subarray(head, head + size) };
    heard = heard.subarray(head + size);
    return arrived;
  };
  const send = (message) => socket.write(frame(TEXT, Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }))));
  let last = 0;
  return {
    opened: new Promise((resolve, reject) => {
      socket.once("data", resolve);
      socket.once("close", () => reject(new Error("the socket closed")));
    }),
    send,
    call: (method, params) => new Promise((resolve) => {
      const id = `call${(last += 1)}`;
      waiting.set(id, resolve);
      send({ id, method, params });
    }),
    end: () => socket.destroy(),
  };
}

// A `json-rpc-2.0` peer over a `ws` socket: it calls and is called over the one connection.

import rpc from "json-rpc-2.0";
import WebSocket from "ws";
import { within } from "./harness.mjs";

const { JSONRPCClient, JSONRPCErrorException, JSONRPCServer, JSONRPCServerAndClient } = rpc;

const silent = { errorListener: () => {} }; // an error is an answer here, not something to log

/** Makes a peer of an open socket, and has it serve what each of our checks may ask of either side. */
export function peerOver(ws) {
  const peer = new JSONRPCServerAndClient(
    new JSONRPCServer(silent),
    new JSONRPCClient((message) => ws.send(JSON.stringify(message))),
    silent,
  );
  serveBasics(peer);

  // Set before a message can arrive, so that none is lost.
  ws.on("message", (data) => {
    const message = JSON.parse(data.toString());
    peer.seen?.(message);
    // The library rejects on what is neither a request nor a response, such as an error with id null.
    peer.receiveAndSend(message).catch((error) => peer.complain?.(error));
  });
  peer.closed = new Promise((resolve) => {
    ws.on("close", (code, reason) => {
      peer.rejectAllPendingRequests(`the connection closed with ${code} ${reason}`);
      resolve({ code, reason: reason.toString() });
    });
  });
  peer.ws = ws;
  return peer;
}

/** Connects to `url`; `later` is the check's list of clean-ups, which then closes the connection. */
export async function connect(later, url, { protocols = ["jsonrpc"], ...options } = {}) {
  const ws = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
  const peer = peerOver(ws);
  later(() => {
    ws.terminate();
    return peer.closed;
  });
  await within(10_000, `the handshake with ${url}`, opened(ws));
  return peer;
}

/** Fulfilled once the handshake is done; the rejection of a refused one carries its HTTP `status`. */
export function opened(ws) {
  return new Promise((resolve, reject) => {
    ws.once("open", resolve);
    ws.on("error", reject); // `on`: terminating a socket that is still connecting raises a second one
    ws.once("unexpected-response", (_, response) => {
      const status = response.statusCode;
      reject(Object.assign(new Error(`the handshake was answered with HTTP ${status}`), { status }));
    });
  });
}

/** The named params of a call, whether they came by position or by name. */
export function args(params, ...names) {
  return names.map((name, i) => (Array.isArray(params) ? params[i] : params?.[name]));
}

/** The call that has `relay` bounce `depth` times between the two sides before `add(1, 2)` is reached. */
export function nested(depth) {
  let call = { method: "add", params: [1, 2] };
  for (let i = 0; i < depth; i++) call = { method: "relay", params: [call.method, call.params] };
  return call;
}

function serveBasics(peer) {
  peer.addMethod("add", (params) => {
    const [a, b] = args(params, "a", "b");
    return a + b;
  });
  peer.addMethod("echo", (params) => args(params, "value")[0] ?? null);
  peer.addMethod("fail", (params) => {
    const [code, message, data] = args(params, "code", "message", "data");
    throw new JSONRPCErrorException(message, code, data);
  });
  peer.addMethod("relay", (params) => {
    const [method, inner] = args(params, "method", "params");
    return peer.request(method, inner); // rejects with the caller's own error, which is sent on as it is
  });
}

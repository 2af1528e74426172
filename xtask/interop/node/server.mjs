// A `json-rpc-2.0` server for birpc's client to be checked against. It prints `listening on URL` first.
//
// It serves, by position and by name: add(a, b), echo(value), fail(code, message, data), relay(method, params), which
// calls the caller back; notify_back(method, params), which notifies it; log(line), a notification, and logged();
// whoami() -> {"protocol"}; close(code, reason); and greeting() -> what the client answered to the call
// `add(20, 22)` that this server makes as soon as a client is connected.
//
// At the path /none it picks no subprotocol, as many plain JSON-RPC servers do; elsewhere `jsonrpc`, if offered.

import { WebSocketServer } from "ws";
import { args, peerOver } from "./peer.mjs";

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: false,
  handleProtocols: (offered, request) => (request.url !== "/none" && offered.has("jsonrpc") ? "jsonrpc" : false),
});
server.on("listening", () => console.log(`listening on ws://127.0.0.1:${server.address().port}/`));
server.on("connection", serve);

function serve(ws) {
  ws.on("error", () => {}); // a client that breaks off ends its own connection, not this process
  const peer = peerOver(ws);
  const lines = [];
  peer.addMethod("log", (params) => void lines.push(args(params, "line")[0]));
  peer.addMethod("logged", () => lines);
  peer.addMethod("whoami", () => ({ protocol: ws.protocol }));
  peer.addMethod("notify_back", (params) => {
    const [method, inner] = args(params, "method", "params");
    peer.notify(method, inner);
    return null;
  });
  peer.addMethod("close", (params) => {
    const [code, reason] = args(params, "code", "reason");
    ws.close(code, reason);
    return null;
  });

  const greeting = peer.request("add", [20, 22]);
  greeting.catch(() => {}); // told to whoever asks; a client that never does must not end this process
  peer.addMethod("greeting", () => greeting);
}

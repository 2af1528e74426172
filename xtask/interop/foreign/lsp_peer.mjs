// vscode-languageserver-protocol over a `ws` socket, through vscode-ws-jsonrpc.

import { WebSocketMessageReader, WebSocketMessageWriter } from "vscode-ws-jsonrpc";
import { createProtocolConnection } from "vscode-languageserver-protocol/node";

/** A protocol connection that listens; `gone` is fulfilled when the socket has closed. */
export function protocolOver(ws) {
  const socket = {
    send: (text) => ws.send(text),
    onMessage: (take) => ws.on("message", (data) => take(data.toString())),
    onError: (take) => ws.on("error", (error) => take(error.message)),
    onClose: (take) => ws.on("close", (code, reason) => take(code, reason.toString())),
    dispose: () => ws.close(),
  };
  const connection = createProtocolConnection(new WebSocketMessageReader(socket), new WebSocketMessageWriter(socket));
  connection.onError(() => {}); // a socket that breaks off; the checks see what comes of it
  connection.gone = new Promise((resolve) => ws.on("close", resolve));
  connection.listen();
  return connection;
}

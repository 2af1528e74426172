// A language server of vscode-languageserver-protocol over vscode-ws-jsonrpc, for birpc's client to be checked
// against. It prints `listening on URL` first. As `ws` does by default, it agrees on whatever is offered first.
//
// Beside the protocol's own it serves slow(), which ends when it is cancelled, and cancelled(), the number of those;
// add(a, b), echo(value) and fail(code, message, data).

import {
  DidOpenTextDocumentNotification, ExecuteCommandRequest, ExitNotification, HoverRequest, InitializeRequest,
  PublishDiagnosticsNotification, ResponseError, ShowMessageRequest, ShutdownRequest, WorkDoneProgress,
} from "vscode-languageserver-protocol/node";
import { WebSocketServer } from "ws";
import { protocolOver } from "./lsp_peer.mjs";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
server.on("listening", () => console.log(`listening on ws://127.0.0.1:${server.address().port}/`));
server.on("connection", serve);

let cancelled = 0;

function serve(ws) {
  const editor = protocolOver(ws);
  editor.onRequest(InitializeRequest.type, () => ({ capabilities: { hoverProvider: true } }));
  editor.onNotification(DidOpenTextDocumentNotification.type, ({ textDocument: { uri, text } }) => {
    editor.sendNotification(PublishDiagnosticsNotification.type, { uri, diagnostics: [{ message: text }] });
  });
  editor.onRequest(HoverRequest.type, async ({ position }) => {
    if (position.line === 99) return null;
    const actions = [{ title: "short" }, { title: "long" }];
    const choice = await editor.sendRequest(ShowMessageRequest.type, { type: 3, message: "how much?", actions });
    return { contents: { kind: "plaintext", value: choice?.title ?? "nothing" } };
  });
  editor.onRequest(ExecuteCommandRequest.type, async ({ command, workDoneToken }) => {
    if (command === "ask") {
      const reports = [];
      editor.onProgress(WorkDoneProgress.type, "asked", ({ percentage }) => reports.push(percentage));
      await editor.sendRequest(ShowMessageRequest.type, { type: 3, message: "well?", actions: [], workDoneToken: "asked" });
      return reports;
    }
    const tell = (value) => workDoneToken !== undefined && editor.sendProgress(WorkDoneProgress.type, workDoneToken, value);
    await tell({ kind: "begin", title: "building" });
    await tell({ kind: "report", percentage: 50 });
    await tell({ kind: "end" });
    return "built";
  });
  editor.onRequest(ShutdownRequest.type, () => null);
  editor.onNotification(ExitNotification.type, () => ws.close(1000));

  editor.onRequest("slow", (token) => new Promise((_, reject) => {
    token.onCancellationRequested(() => {
      cancelled += 1;
      reject(new ResponseError(-32800, "cancelled"));
    });
  }));
  editor.onRequest("cancelled", () => cancelled);
  editor.onRequest("add", (a, b) => a + b);
  editor.onRequest("echo", (value) => value);
  editor.onRequest("fail", (code, message, data) => new ResponseError(code, message, data));
}

// An editor of vscode-languageserver-protocol over vscode-ws-jsonrpc opens a document at the testbed (`--role lsp`),
// is asked back, and cancels.

import assert from "node:assert/strict";
import {
  CancellationTokenSource, DidOpenTextDocumentNotification, ExecuteCommandRequest, ExitNotification, HoverRequest,
  InitializedNotification, InitializeRequest, PublishDiagnosticsNotification, ShowMessageRequest, ShutdownRequest,
  WorkDoneProgress,
} from "vscode-languageserver-protocol/node";
import WebSocket from "ws";
import { check, finish, rejection, testbedUrl, within } from "../node/harness.mjs";
import { watchLeftovers } from "./leftovers.mjs";
import { protocolOver } from "./lsp_peer.mjs";

const URL = testbedUrl();
const DOCUMENT = { uri: "file:///a.txt" };
const leftovers = await watchLeftovers(URL);

await check("a session from initialize to exit", async (later) => {
  const editor = await connect(later);
  const { capabilities } = await editor.sendRequest(InitializeRequest.type, {
    processId: null, rootUri: null, capabilities: {},
  });
  assert.deepEqual(capabilities, { hoverProvider: true, textDocumentSync: 1 });
  await editor.sendNotification(InitializedNotification.type, {});

  const told = new Promise((resolve) => editor.onNotification(PublishDiagnosticsNotification.type, resolve));
  const opened = { ...DOCUMENT, languageId: "plaintext", version: 1, text: "odd" };
  await editor.sendNotification(DidOpenTextDocumentNotification.type, { textDocument: opened });
  const { uri, diagnostics } = await within(5_000, "the diagnostics", told);
  assert.deepEqual([uri, diagnostics[0].message], [DOCUMENT.uri, "this looks odd"]);

  assert.equal(await editor.sendRequest(ShutdownRequest.type), null);
  await editor.sendNotification(ExitNotification.type);
  await within(5_000, "the close", editor.gone);
});

await check("a method without parameters takes null for them", async (later) => {
  const editor = await connect(later);
  assert.equal(await editor.sendRequest("shutdown", null), null);
  await editor.sendNotification("exit", null);
  await within(5_000, "the close", editor.gone);
});

await check("the server asks back while its own caller waits, and takes null for an answer", async (later) => {
  const editor = await connect(later);
  editor.onRequest(ShowMessageRequest.type, ({ actions }) => actions[1]);
  const at = (line) => ({ textDocument: DOCUMENT, position: { line, character: 0 } });
  assert.deepEqual((await editor.sendRequest(HoverRequest.type, at(1))).contents, { kind: "plaintext", value: "long" });
  editor.onRequest(ShowMessageRequest.type, () => null);
  assert.equal((await editor.sendRequest(HoverRequest.type, at(1))).contents.value, "nothing");
  assert.equal(await editor.sendRequest(HoverRequest.type, at(99)), null);
});

await check("calls with equal ids in both directions, a hundred at once", async (later) => {
  const editor = await connect(later);
  editor.onRequest(ShowMessageRequest.type, ({ actions }) => actions[0]);
  const hover = { textDocument: DOCUMENT, position: { line: 1, character: 0 } };
  const hovers = await Promise.all(Array.from({ length: 100 }, () => editor.sendRequest(HoverRequest.type, hover)));
  assert.ok(hovers.every((answer) => answer.contents.value === "short"));
});

await check("progress is told with the editor's token, and begins with its beginning", async (later) => {
  const editor = await connect(later);
  for (const token of ["building", 0]) {
    const told = [];
    const done = new Promise((resolve) => {
      editor.onProgress(WorkDoneProgress.type, token, (value) => {
        told.push(value);
        if (value.kind === "end") resolve();
      });
    });
    const request = { command: "build", workDoneToken: token };
    assert.equal(await editor.sendRequest(ExecuteCommandRequest.type, request), "built");
    await within(5_000, "the end of the progress", done);
    assert.deepEqual(told[0], { kind: "begin", title: "building" });
    assert.deepEqual(told.slice(1, -1).map(({ percentage }) => percentage), [25, 50, 75]);
    assert.deepEqual(told.at(-1), { kind: "end" });
  }
});

await check("without a token nothing is told", async (later) => {
  const editor = await connect(later);
  const unknown = [];
  editor.onUnhandledProgress((progress) => unknown.push(progress));
  assert.equal(await editor.sendRequest(ExecuteCommandRequest.type, { command: "build" }), "built");
  assert.deepEqual(unknown, []);
});

await check("the server hears of its editor's progress", async (later) => {
  const editor = await connect(later);
  editor.onRequest(ShowMessageRequest.type, async ({ workDoneToken }) => {
    for (const value of [{ kind: "begin", title: "thinking" }, { kind: "report", percentage: 5 }, { kind: "end" }]) {
      await editor.sendProgress(WorkDoneProgress.type, workDoneToken, value);
    }
    return null;
  });
  const told = await editor.sendRequest(ExecuteCommandRequest.type, { command: "ask" });
  assert.deepEqual(told.map(({ kind }) => kind), ["begin", "report", "end"]);
});

await check("$/cancelRequest ends a call with -32800", async (later) => {
  const editor = await connect(later);
  const source = new CancellationTokenSource();
  const call = rejection(editor.sendRequest("sleep", 600_000, source.token));
  source.cancel();
  assert.equal((await within(5_000, "the end of the call", call)).code, -32800);
});

await check("params by position and by name, with data in errors, and 1 MiB", async (later) => {
  const editor = await connect(later);
  assert.equal(await editor.sendRequest("add", 1, 2), 3);
  assert.equal(await editor.sendRequest("add", { a: 1, b: 2 }), 3);
  const error = await rejection(editor.sendRequest("fail", 7, "seven", { a: [1] }));
  assert.deepEqual([error.code, error.message, error.data], [7, "seven", { a: [1] }]);
  assert.equal((await rejection(editor.sendRequest("noSuchMethod"))).code, -32601);
  const long = "é".repeat(2 ** 19 - 128); // with what is around it, a message of 1 MiB at most
  assert.equal(await editor.sendRequest("echo", long), long);
});

await leftovers();
finish();

async function connect(later) {
  const ws = new WebSocket(URL, []);
  later(() => ws.terminate());
  await new Promise((resolve, reject) => ws.on("open", resolve).on("error", reject));
  return protocolOver(ws);
}

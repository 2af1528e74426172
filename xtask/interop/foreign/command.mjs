// The command `birpc` with servers that are not birpc: aria2 (ARIA2C), anvil (ANVIL), a language server and a server of
// the MCP SDK behind `bridge`, rpc-websockets, and a WebSocket server that says nothing sensible.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import { InitializeRequest, DidOpenTextDocumentNotification, PublishDiagnosticsNotification } from "vscode-languageserver-protocol/node";
import { Client as RpcWebsockets, Server as RpcWebsocketsServer } from "rpc-websockets";
import WebSocket, { WebSocketServer } from "ws";
import { run, start, urlOf } from "../node/birpc.mjs";
import { check, finish, within } from "../node/harness.mjs";
import { protocolOver } from "./lsp_peer.mjs";

globalThis.WebSocket ??= WebSocket; // the SDK's transport is for browsers, and for nodes that have one

const script = (name) => fileURLToPath(new URL(name, import.meta.url));

const ARIA2C = process.env.ARIA2C;
if (ARIA2C) {
  await check("aria2: results, its errors, and its events", async (later) => {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "birpc-aria2-"));
    later(() => rmSync(folder, { recursive: true }));
    const args = ["--no-conf", "--quiet", "--enable-rpc", "--rpc-secret=s", `--rpc-listen-port=${port}`, `--dir=${folder}`,
      "--enable-dht=false", "--enable-dht6=false", `--stop-with-process=${process.pid}`];
    const daemon = spawn(ARIA2C, args, { stdio: "ignore" });
    later(() => void daemon.kill("SIGKILL"));
    const url = `ws://127.0.0.1:${port}/jsonrpc`;
    let version;
    do version = await run(["call", url, "aria2.getVersion", '"token:s"']);
    while (version.code === 3); // it does not listen yet
    assert.deepEqual([version.code, version.err], [0, ""]);
    assert.ok(JSON.parse(version.out).version);
    const unknown = await run(["call", url, "aria2.none", '"token:s"']);
    assert.deepEqual([unknown.code, JSON.parse(unknown.err).code], [1, 1]);
    const listening = start(["listen", url], later);
    assert.equal(await listening.note(), "birpc: connected");
    const added = await run(["call", url, "aria2.addUri", '"token:s"', '["http://127.0.0.1:1/nothing"]']);
    assert.equal(added.code, 0);
    const gid = JSON.parse(added.out);
    assert.deepEqual(JSON.parse(await listening.line()), { method: "aria2.onDownloadStart", params: [{ gid }] });
  });
}

const ANVIL = process.env.ANVIL;
if (ANVIL) {
  await check("anvil: calls, errors of its own, and a subscription in the repl", async (later) => {
    const port = await freePort();
    const daemon = spawn(ANVIL, ["--port", String(port), "--quiet"], { stdio: "ignore" });
    later(() => void daemon.kill("SIGKILL"));
    const url = `ws://127.0.0.1:${port}/`;
    let chain;
    do chain = await run(["call", url, "eth_chainId"]);
    while (chain.code === 3);
    assert.deepEqual(chain, { code: 0, out: '"0x7a69"\n', err: "" });
    const wrong = await run(["call", url, "eth_getBalance", '"nobody"', '"latest"']);
    assert.deepEqual([wrong.code, JSON.parse(wrong.err).code], [2, -32602]);
    const repl = start(["repl", url], later);
    repl.type('eth_subscribe "newHeads"');
    const id = JSON.parse(await repl.line());
    repl.type("evm_mine");
    const lines = [await repl.line(), await repl.line()];
    const event = lines.find((line) => line.startsWith("<-- eth_subscription "));
    assert.equal(JSON.parse(event.slice("<-- eth_subscription ".length)).subscription, id);
    repl.child.stdin.end();
    assert.equal(await repl.ended, 0);
  });
}

await check("a language server behind the bridge, by headers", async (later) => {
  const server = createRequire(import.meta.url).resolve("vscode-json-languageserver/bin/vscode-json-languageserver");
  const bridge = start(["bridge", "--framing", "headers", "--", process.execPath, server, "--stdio"], later);
  const ws = await open(await urlOf(bridge), later);
  const editor = protocolOver(ws);
  const { capabilities } = await editor.sendRequest(InitializeRequest.type, { processId: null, rootUri: null, capabilities: {} });
  assert.equal(capabilities.hoverProvider, true);
  const told = new Promise((resolve) => editor.onNotification(PublishDiagnosticsNotification.type, resolve));
  const document = { uri: "file:///a.json", languageId: "json", version: 1, text: '{"é": }\n' };
  await editor.sendNotification(DidOpenTextDocumentNotification.type, { textDocument: document });
  const { diagnostics } = await within(5_000, "the diagnostics", told);
  assert.match(diagnostics[0].message, /Value expected/);
  ws.close(1000);
  await editor.gone;
});

await check("a server of the MCP SDK behind the bridge, by lines", async (later) => {
  const bridge = start(["bridge", "--", process.execPath, script("mcp_stdio.mjs")], later);
  const client = new Client({ name: "interop", version: "0" });
  later(() => client.close());
  await client.connect(new WebSocketClientTransport(new URL(await urlOf(bridge))));
  assert.match(await bridge.note(), /^the server starts as \d+$/);
  const { content } = await client.callTool({ name: "echo", arguments: { text: "é\n🦀" } });
  assert.deepEqual(content, [{ type: "text", text: "é\n🦀" }]);
});

await check("the end of a client ends its server", async (later) => {
  const bridge = start(["bridge", "--", process.execPath, script("mcp_stdio.mjs")], later);
  const ws = await open(await urlOf(bridge), later);
  ws.send('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  await within(5_000, "the answer", new Promise((resolve) => ws.once("message", resolve)));
  const id = Number((await bridge.note()).match(/\d+$/)[0]);
  process.kill(id, 0); // it lives
  ws.terminate();
  const ended = async () => {
    while (true) {
      try {
        process.kill(id, 0);
      } catch {
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await within(5_000, "the end of the server", ended());
});

await check("what rpc-websockets says can be recorded and played", async (later) => {
  const folder = mkdtempSync(join(tmpdir(), "birpc-record-"));
  later(() => rmSync(folder, { recursive: true }));
  const server = new RpcWebsocketsServer({ host: "127.0.0.1", port: 0 });
  later(() => server.close());
  await new Promise((resolve) => server.on("listening", resolve));
  server.register("add", ([a, b]) => a + b);
  const url = `ws://127.0.0.1:${server.wss.address().port}/`;
  const file = join(folder, "session.txt");
  const recording = start(["record", file, url], later);
  const client = new RpcWebsockets(await urlOf(recording), { reconnect: false });
  await new Promise((resolve) => client.on("open", resolve));
  assert.equal(await client.call("add", [2, 3]), 5);
  const closed = new Promise((resolve) => client.on("close", resolve));
  client.close();
  await within(5_000, "the close", closed);
  recording.child.kill("SIGTERM");
  assert.equal(await within(5_000, "its end", recording.ended), 143);
  assert.match(readFileSync(file, "utf8"), /^# Connection 1\.\n(= .*\n)?--> .*"add".*\n<-- .*"result":5.*\n--> close /);
  const played = await run(["replay", file, url]);
  assert.deepEqual([played.code, played.out], [0, ""]);
  server.register("add", ([a, b]) => a * b);
  assert.equal((await run(["replay", file, url])).code, 1);
});

await check("a server that says nothing sensible", async (later) => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  later(() => server.close());
  await new Promise((resolve) => server.on("listening", resolve));
  const url = `ws://127.0.0.1:${server.address().port}/`;
  const behaviours = [
    [(ws) => { for (let n = 0; n < 20; n += 1) ws.send("hello"); }, 3],
    [(ws) => ws.send(Buffer.from([0xff, 0xfe])) || ws.close(1000), 3],
    [(ws) => ws.close(1011, "no"), 3],
    [(ws) => ws.terminate(), 3],
    [(ws) => ws._socket.write("rubbish that is no frame ".repeat(10)), 3],
    [(ws) => ws.send(`{"jsonrpc":"2.0","id":7,"result":1}`) || ws.close(1000), 3],
    [(ws) => ws.send(`{"jsonrpc":"2.0","id":1,"result":"${"x".repeat(4e6)}"}`), 0],
  ];
  for (const [behave, code] of behaviours) {
    server.once("connection", (ws) => {
      ws.on("error", () => {});
      ws.once("message", () => behave(ws));
    });
    const ended = await run(["call", url, "m", "--timeout", "5s"]);
    assert.equal(ended.code, code, `${behave}: ${ended.err}`);
    assert.equal(ended.out === "", code !== 0);
  }
  server.once("connection", (ws) => {
    for (const text of ["hello", '{"event":"tick"}', '{"jsonrpc":"2.0","method":"m"}']) ws.send(text);
    setImmediate(() => ws.close(1000));
  });
  const listened = await run(["listen", url]);
  assert.deepEqual([listened.code, listened.out], [3, '{"other":"hello"}\n{"other":{"event":"tick"}}\n{"method":"m"}\n']);
});

finish();

/** A port that nothing uses, for programs that cannot tell theirs. */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function open(url, later) {
  const ws = new WebSocket(url);
  later(() => ws.terminate());
  await new Promise((resolve, reject) => ws.once("open", resolve).once("error", reject));
  return ws;
}

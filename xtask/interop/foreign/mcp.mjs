// The client of the MCP TypeScript SDK uses the testbed's tools (`--role mcp`), is asked back, and cancels.

import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import { ListRootsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import WebSocket from "ws";
import { check, finish, rejection, testbedUrl, within } from "../node/harness.mjs";
import { watchLeftovers } from "./leftovers.mjs";

globalThis.WebSocket ??= WebSocket; // the SDK's transport is for browsers, and for nodes that have one

const URL = testbedUrl();
const leftovers = await watchLeftovers(URL);

await check("tools are listed and called", async (later) => {
  const client = await connect(later);
  assert.deepEqual(client.getServerVersion(), { name: "birpc's testbed", version: "0" });
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name), ["echo", "sleep", "roots", "steps", "asked", "fail"]);
  const { content } = await client.callTool({ name: "echo", arguments: { text: "é🦀" } });
  assert.deepEqual(content, [{ type: "text", text: "é🦀" }]);
  assert.deepEqual(await client.ping(), {});
});

await check("a text of 1 MiB comes back", async (later) => {
  const client = await connect(later);
  const text = "é".repeat(2 ** 19 - 128); // with what is around it, a message of 1 MiB at most
  assert.equal((await client.callTool({ name: "echo", arguments: { text } })).content[0].text, text);
});

await check("the server asks its host back while the tool's call is open, a hundred at once", async (later) => {
  const client = await connect(later);
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///a" }, { uri: "file:///b" }] }));
  const calls = Array.from({ length: 100 }, () => client.callTool({ name: "roots" }));
  assert.ok((await Promise.all(calls)).every(({ content }) => content[0].text === "2"));
});

await check("progress is told while a tool runs", async (later) => {
  const client = await connect(later);
  const steps = [];
  await client.callTool({ name: "steps" }, undefined, { onprogress: (step) => steps.push(step) });
  assert.deepEqual(steps, [1, 2, 3].map((progress) => ({ progress, total: 3 })));
});

await check("without onprogress nothing is told", async (later) => {
  const client = await connect(later);
  const complaints = [];
  client.onerror = (error) => complaints.push(error.message); // progress without a token that it knows would be one
  await client.callTool({ name: "steps" });
  await client.callTool({ name: "steps", _meta: { other: 1 } });
  assert.deepEqual(complaints, []);
});

await check("progress resets the timeout, up to the total", async (later) => {
  const client = await connect(later);
  const steps = (options) => {
    const request = { name: "steps", arguments: { steps: 20, ms: 50 } };
    return client.callTool(request, undefined, { timeout: 400, onprogress: () => {}, ...options });
  };
  assert.equal((await steps({ resetTimeoutOnProgress: true })).content[0].text, "stepped");
  assert.equal((await rejection(steps({}))).code, -32001);
  assert.equal((await rejection(steps({ resetTimeoutOnProgress: true, maxTotalTimeout: 300 }))).code, -32001);
  await client.ping();
});

await check("a hundred calls at once each hear of their own progress", async (later) => {
  const client = await connect(later);
  const last = await Promise.all(Array.from({ length: 100 }, async (_, index) => {
    let last = 0;
    const request = { name: "steps", arguments: { steps: 1 + index % 3, ms: 30 } };
    await client.callTool(request, undefined, { onprogress: ({ progress }) => { last = progress; } });
    return last;
  }));
  assert.deepEqual(last, Array.from({ length: 100 }, (_, index) => 1 + index % 3));
});

await check("the server hears of its host's progress", async (later) => {
  const client = await connect(later);
  client.setRequestHandler(ListRootsRequestSchema, async (_, { _meta, sendNotification }) => {
    for (const progress of [0.5, 1]) {
      const params = { progressToken: _meta.progressToken, progress, message: "so far" };
      await sendNotification({ method: "notifications/progress", params });
    }
    return { roots: [] };
  });
  assert.equal((await client.callTool({ name: "asked" })).content[0].text, "0.5,1");
});

await check("errors have their code and data", async (later) => {
  const client = await connect(later);
  const error = await rejection(client.callTool({ name: "fail", arguments: { data: { a: [1] } } }));
  assert.deepEqual([error.code, error.data], [7, { a: [1] }]);
  assert.equal((await rejection(client.listResources())).code, -32601);
});

await check("a cancelled call stops the tool, and is not answered", async (later) => {
  const client = await connect(later);
  const complaints = [];
  client.onerror = (error) => complaints.push(error.message); // an answer to a call that is gone would be one
  const stop = new AbortController();
  const call = rejection(
    client.callTool({ name: "sleep", arguments: { ms: 600_000 } }, undefined, { signal: stop.signal }),
  );
  stop.abort("enough");
  await within(5_000, "the end of the call", call);
  await client.ping();
  assert.deepEqual(complaints, []);
});

await leftovers();
finish();

async function connect(later) {
  const client = new Client({ name: "interop", version: "0" }, { capabilities: { roots: {} } });
  later(() => client.close());
  await within(5_000, "the initialisation", client.connect(new WebSocketClientTransport(new globalThis.URL(URL))));
  return client;
}

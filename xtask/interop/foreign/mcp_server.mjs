// A server of the MCP TypeScript SDK over `ws`, for birpc's client to be checked against. It prints `listening on URL`
// first. Its tools: echo(text), slow(), which ends when it is cancelled, cancelled(), the number of those, roots(),
// which asks the host, steps(), which tells of its progress, asked(), which tells what the host reports, and fail(data).

import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CallToolRequestSchema, ListRootsResultSchema, ListToolsRequestSchema, McpError,
} from "@modelcontextprotocol/sdk/types.js";
import { WebSocketServer } from "ws";

const listener = new WebSocketServer({ host: "127.0.0.1", port: 0 });
listener.on("listening", () => console.log(`listening on ws://127.0.0.1:${listener.address().port}/`));
listener.on("connection", (ws) => void serve(ws));

let cancelled = 0;

/** The SDK has a WebSocket transport for clients only; this is all that a server's has to do. */
class ServerTransport {
  constructor(ws) {
    this.ws = ws;
  }

  async start() {
    this.ws.on("message", (text) => this.onmessage?.(JSON.parse(text.toString())));
    this.ws.on("error", (error) => this.onerror?.(error));
    this.ws.on("close", () => this.onclose?.());
  }

  async send(message) {
    this.ws.send(JSON.stringify(message));
  }

  async close() {
    this.ws.close();
  }
}

async function serve(ws) {
  const server = new Server({ name: "interop", version: "0" }, { capabilities: { tools: {} } });
  const text = (text) => ({ content: [{ type: "text", text }] });
  const tools = {
    echo: ({ text: given }) => text(given),
    slow: (_, { signal }) => new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        cancelled += 1;
        resolve(text("stopped")); // the SDK does not send it
      });
    }),
    cancelled: () => text(String(cancelled)),
    roots: async () => text(String((await server.listRoots()).roots.length)),
    steps: async (_, { _meta, sendNotification }) => {
      for (const progress of [1, 2, 3]) {
        const params = { progressToken: _meta?.progressToken, progress, total: 3 };
        if (_meta?.progressToken !== undefined) await sendNotification({ method: "notifications/progress", params });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return text("stepped");
    },
    asked: async () => {
      const steps = [];
      const onprogress = ({ progress }) => steps.push(progress);
      await server.request({ method: "roots/list" }, ListRootsResultSchema, { onprogress, resetTimeoutOnProgress: true });
      return text(steps.join());
    },
    fail: ({ data }) => {
      throw new McpError(7, "the tool failed", data);
    },
  };
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: "object" } })),
  }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => tools[params.name](params.arguments, extra));
  await server.connect(new ServerTransport(ws));
}

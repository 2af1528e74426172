// A server of the MCP TypeScript SDK on standard input and output, with the tool echo(text). It prints its
// process id on standard error.

import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema } from "@modelcontextprotocol/sdk/types.js";

console.error(`the server starts as ${process.pid}`);
const server = new Server({ name: "interop", version: "0" }, { capabilities: { tools: {} } });
server.setRequestHandler(CallToolRequestSchema, ({ params }) => ({
  content: [{ type: "text", text: params.arguments.text }],
}));
await server.connect(new StdioServerTransport());
process.stdin.on("end", () => process.exit(0));

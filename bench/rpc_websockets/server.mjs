// rpc-websockets' server with its defaults: `node server.mjs` prints `listening on ws://127.0.0.1:PORT/` first.

import { Server } from "rpc-websockets";

const server = new Server({ host: "127.0.0.1", port: 0 });
server.register("add", ([a, b]) => a + b);
server.register("echo", ([value]) => value);
server.on("listening", () => console.log(`listening on ws://127.0.0.1:${server.wss.address().port}/`));

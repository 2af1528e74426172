// A server of rpc-websockets, for birpc's client to be checked against. It prints `listening on URL` first. It serves
// add(a, b), echo(value), slow(ms), fail(data), logged() and the notification log(line); tick(n) emits the event
// `tick`, which is told as `{"notification": "tick", "params": [n]}` to who has subscribed to it with `rpc.on`.

import { Server } from "rpc-websockets";

const server = new Server({ host: "127.0.0.1", port: 0 });
const lines = [];
const named = (params, ...names) => (Array.isArray(params) ? params : names.map((name) => params?.[name]));

server.on("listening", () => console.log(`listening on ws://127.0.0.1:${server.wss.address().port}/`));
server.register("add", (params) => {
  const [a, b] = named(params, "a", "b");
  return a + b;
});
server.register("echo", ([value]) => value);
server.register("slow", ([ms]) => new Promise((resolve) => setTimeout(() => resolve(ms), ms)));
server.register("fail", ([data]) => {
  throw { code: 7, message: "seven", data };
});
server.register("log", ([line]) => void lines.push(line));
server.register("logged", () => lines);
server.event("tick");
server.register("tick", ([n]) => {
  server.emit("tick", n);
  return true;
});

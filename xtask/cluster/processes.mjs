// The processes of a cluster: nats-servers, and testbeds as nodes.

import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

import { Peer } from "./peer.mjs";

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Waits. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something holds, at most for a time. */
export async function until(what, holds, ms = 15_000) {
  const end = performance.now() + ms;
  for (;;) {
    if (await holds()) return;
    if (performance.now() > end) throw new Error(`after ${ms} ms it is not so that ${what}`);
    await pause(20);
  }
}

/** A port that is free, and stays the port of a server that is started again. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

class Process {
  child;

  spawn(program, args) {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", process.env.VERBOSE ? "inherit" : "ignore"] });
    this.child = child;
    running.add(child);
    this.ended = new Promise((resolve) => child.on("exit", (code) => {
      running.delete(child);
      resolve(code);
    }));
    return child;
  }

  signal(name) {
    this.child.kill(name);
  }

  /** Kills the process, and waits for its end. */
  async kill() {
    this.signal("SIGKILL");
    await this.ended;
  }

  /** The memory that the process uses, in bytes. */
  memory() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
    return Number(/VmRSS:\s*(\d+)/.exec(status)[1]) * 1024;
  }
}

/** A nats-server. `start` starts it again on its port. */
export class Nats extends Process {
  static async start(routes = []) {
    const nats = new Nats();
    [nats.port, nats.clusterPort, nats.monitorPort] = [await freePort(), await freePort(), await freePort()];
    nats.routes = routes;
    await nats.start();
    return nats;
  }

  get url() {
    return `nats://127.0.0.1:${this.port}`;
  }

  get route() {
    return `nats://127.0.0.1:${this.clusterPort}`;
  }

  async start() {
    const args = ["-a", "127.0.0.1", "-p", this.port, "-m", this.monitorPort, "--cluster_name", "test"];
    args.push("--cluster", this.route);
    if (this.routes.length) args.push("--routes", this.routes.join(","));
    this.spawn(process.env.NATS_SERVER, args.map(String));
    await until("nats-server listens", () => fetch(`http://127.0.0.1:${this.monitorPort}/varz`).then(() => true, () => false));
  }

  /** What the server's monitor says of itself. */
  async facts() {
    return (await fetch(`http://127.0.0.1:${this.monitorPort}/varz`)).json();
  }
}

/** A testbed that is a node. */
export class Node extends Process {
  static async start(nats, name, prefix = "test") {
    const node = new Node();
    node.name = name;
    const args = ["--listen", "127.0.0.1:0", "--threads", "2", "--nats", nats.url, "--prefix", prefix, "--node", name];
    const child = node.spawn(process.env.TESTBED, args);
    const lines = createInterface({ input: child.stdout });
    const [line] = await Promise.race([
      new Promise((resolve) => lines.once("line", (line) => resolve([line]))),
      node.ended.then((code) => [`it ended with ${code}`]),
    ]);
    if (!line.startsWith("listening on ")) throw new Error(`node ${name}: ${line}`);
    node.url = line.slice("listening on ".length);
    return node;
  }

  /** A peer that is connected to this node. */
  peer(methods) {
    return Peer.connect(this.url, methods);
  }
}

/** Nodes of these names, which know each other. */
export async function nodes(nats, names, prefix) {
  const at = Array.isArray(nats) ? nats : names.map(() => nats);
  const started = [];
  for (const [i, name] of names.entries()) started.push(await Node.start(at[i], name, prefix));
  for (const node of started) {
    const peer = await node.peer();
    await until(`${node.name} knows all nodes`, async () => (await peer.call("nodes")).length == names.length);
    peer.close();
  }
  return started;
}

/** The version of nats-server. */
export const version = () => execFileSync(process.env.NATS_SERVER, ["--version"], { encoding: "utf8" }).trim();

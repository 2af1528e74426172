// Runs the command `birpc`, whose path is in BIRPC.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { within } from "./harness.mjs";

const BIRPC = process.env.BIRPC;
if (!BIRPC) throw new Error("no command to check: set BIRPC to the path of `birpc`");

/** Runs a program to its end: `{ code, out, err }`. */
export async function run(args, input = "", program = BIRPC) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const read = async (stream) => {
    let text = "";
    for await (const part of stream.setEncoding("utf8")) text += part;
    return text;
  };
  const ended = new Promise((resolve) => child.on("close", resolve));
  const [out, err] = [read(child.stdout), read(child.stderr)];
  child.stdin.on("error", () => {}); // it may end without reading
  child.stdin.end(input);
  try {
    return await within(9_000, `birpc ${args.join(" ")}`, Promise.all([ended, out, err]).then(([code, out, err]) => ({ code, out, err })));
  } finally {
    child.kill("SIGKILL");
  }
}

/** Starts a program that goes on; `later` ends it. `line()` and `note()` are the next lines that it prints. */
export function start(args, later, program = BIRPC) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise((resolve) => child.on("close", resolve));
  child.stdin.on("error", () => {});
  later(async () => {
    child.kill("SIGTERM");
    await within(5_000, "the end of a process", ended);
  });
  const lines = (stream) => {
    const iterator = createInterface({ input: stream })[Symbol.asyncIterator]();
    return async () => (await within(9_000, "a line", iterator.next())).value;
  };
  const [line, note] = [lines(child.stdout), lines(child.stderr)];
  return { child, ended, line, note, type: (text) => child.stdin.write(`${text}\n`) };
}

/** The URL that `bridge` or `record` prints first. */
export async function urlOf({ note }) {
  return (await note()).replace("listening on ", "");
}

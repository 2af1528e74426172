// What a testbed holds, before and after a script: nothing that a library does may leave anything behind.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { check, within } from "../node/harness.mjs";

/** Notes what the testbed holds now; the function that comes back checks that it holds the same again. */
export async function watchLeftovers(url) {
  const before = await held(url);
  return () => check("nothing is left of it at the testbed", async () => {
    let now;
    const same = async () => {
      do now = await held(url);
      while (JSON.stringify(now) !== JSON.stringify(before));
    };
    await within(5_000, "the testbed to let go", same()).catch(() => assert.deepEqual(now, before));
  });
}

/** The testbed's gauges, this very connection and its call included. */
async function held(url) {
  const ws = new WebSocket(url, []);
  const answer = await new Promise((resolve, reject) => {
    ws.on("error", reject);
    ws.on("open", () => ws.send('{"jsonrpc":"2.0","method":"stats","id":1}'));
    ws.on("message", (text) => resolve(JSON.parse(text)));
  });
  const gone = new Promise((resolve) => ws.on("close", resolve));
  ws.close();
  await gone;
  const { connections, serving, in_flight, tasks } = answer.result;
  return { connections, serving, in_flight, tasks };
}

// The client of rpc-websockets calls the testbed, and connects again by itself.

import assert from "node:assert/strict";
import { Client } from "rpc-websockets";
import { check, finish, rejection, testbedUrl, within } from "../node/harness.mjs";
import { watchLeftovers } from "./leftovers.mjs";

const URL = testbedUrl();
const leftovers = await watchLeftovers(URL);

await check("params go by position, by name, or are left out", async (later) => {
  const client = await connect(later);
  assert.equal(await client.call("add", [1, 2]), 3);
  assert.equal(await client.call("add", { a: 1, b: 2 }), 3);
  assert.deepEqual(await client.call("logged"), []);
  const long = "é".repeat(2 ** 19 - 128); // with what is around it, a message of 1 MiB at most
  assert.equal(await client.call("echo", [long]), long);
});

await check("notifications arrive in order", async (later) => {
  const client = await connect(later);
  for (const line of ["one", "two", "three"]) await client.notify("log", [line]);
  assert.deepEqual(await client.call("logged"), ["one", "two", "three"]);
});

await check("errors have their code, message and data", async (later) => {
  const client = await connect(later);
  const error = await rejection(client.call("fail", [7, "seven", { a: [1] }]));
  assert.deepEqual([error.code, error.message, error.data], [7, "seven", { a: [1] }]);
  assert.equal((await rejection(client.call("no_such_method"))).code, -32601);
});

await check("a hundred calls at once find their answers", async (later) => {
  const client = await connect(later);
  const sums = await Promise.all(Array.from({ length: 100 }, (_, n) => client.call("add", [n, 1])));
  assert.deepEqual(sums, Array.from({ length: 100 }, (_, n) => n + 1));
});

await check("a notification of the testbed's arrives as an event", async (later) => {
  const client = await connect(later);
  const heard = new Promise((resolve) => client.once("news", resolve));
  assert.ok((await client.call("broadcast", ["news", ["é", 2]])) >= 1);
  assert.deepEqual(await within(5_000, "the event", heard), ["é", 2]);
});

await check("after a close by the testbed the client is up again", async (later) => {
  const client = await connect(later, { reconnect: true, reconnect_interval: 100, max_reconnects: 20 });
  const again = new Promise((resolve) => client.once("close", () => client.once("open", resolve)));
  await client.call("close", [1012, "restarting"]).catch(() => {});
  await within(8_000, "the next connection", again);
  assert.equal(await client.call("add", [1, 2]), 3);
});

await leftovers();
finish();

async function connect(later, options = { reconnect: false }) {
  const client = new Client(URL, { autoconnect: true, ...options });
  later(() => {
    client.setAutoReconnect?.(false);
    client.close();
  });
  await within(5_000, "the connection", new Promise((resolve, reject) => {
    client.once("open", resolve);
    client.once("error", reject);
  }));
  return client;
}

// The provider of polkadot-js subscribes at the testbed.

import assert from "node:assert/strict";
import { WsProvider } from "@polkadot/rpc-provider";
import { check, finish, rejection, testbedUrl, within } from "../node/harness.mjs";
import { watchLeftovers } from "./leftovers.mjs";

const URL = testbedUrl();
const leftovers = await watchLeftovers(URL);

await check("a thousand items that follow the reply at once are all heard", async (later) => {
  const provider = await connect(later);
  const { items, done } = await subscribe(provider, ["ticks", 1000, 0], 1000);
  await within(8_000, "a thousand items", done);
  assert.deepEqual(items, Array.from({ length: 1000 }, (_, n) => n));
});

await check("an unsubscribe is answered, and nothing is left of the stream", async (later) => {
  const provider = await connect(later);
  const { id, done } = await subscribe(provider, ["endless", 0, 0], 1000);
  await within(8_000, "a thousand items", done);
  assert.equal((await provider.send("streams", [])).producing, 1);
  assert.equal(await provider.unsubscribe("sub_subscription", "sub_unsubscribe", id), true);
  const none = async () => {
    while ((await provider.send("streams", [])).producing !== 0);
  };
  await within(5_000, "the stream to be gone", none());
  assert.equal(await provider.send("sub_unsubscribe", [id]), false);
});

await check("a subscription that fails, and one that is refused", async (later) => {
  const provider = await connect(later);
  const failed = new Promise((resolve) => {
    provider.subscribe("sub_subscription", "sub_subscribe", ["fail", 2, 0], (error) => error && resolve(error));
  });
  assert.match((await within(5_000, "the error", failed)).message, /7: after 2/);
  const refused = provider.subscribe("sub_subscription", "sub_subscribe", ["refuse", 0, 0], () => {});
  assert.match((await rejection(refused)).message, /8: refused/);
});

await leftovers();
finish();

async function connect(later) {
  const provider = new WsProvider(URL, false);
  later(() => provider.disconnect());
  await provider.connect();
  await provider.isReady;
  return provider;
}

/** Subscribes; `done` is fulfilled with the item of this number. */
async function subscribe(provider, params, count) {
  const items = [];
  let finished;
  const done = new Promise((resolve) => (finished = resolve));
  const heard = (error, item) => {
    if (error) throw error;
    if (items.push(item) === count) finished();
  };
  const id = await provider.subscribe("sub_subscription", "sub_subscribe", params, heard);
  return { id, items, done };
}

// viem calls the testbed as an Ethereum node (`--role eth`), hears its blocks, and connects again by itself.

import assert from "node:assert/strict";
import { createPublicClient, webSocket } from "viem";
import { check, finish, rejection, testbedUrl, within } from "../node/harness.mjs";
import { watchLeftovers } from "./leftovers.mjs";

const URL = testbedUrl();
const leftovers = await watchLeftovers(URL);

await check("blocks and balances are read", async (later) => {
  const client = connect(later);
  assert.equal(await client.getChainId(), 1337);
  assert.ok((await client.getBlockNumber()) >= 0n);
  assert.equal(await client.getBalance({ address: `0x${"11".repeat(20)}` }), 10n ** 18n);
});

await check("params go by position, by name, or are left out", async (later) => {
  const client = connect(later);
  assert.equal(await client.request({ method: "add", params: [1, 2] }), 3);
  assert.equal(await client.request({ method: "add", params: { a: 1, b: 2 } }), 3);
  assert.equal(await client.request({ method: "eth_chainId" }), "0x539");
  const long = "é".repeat(2 ** 19 - 128); // with what is around it, a message of 1 MiB at most
  assert.equal(await client.request({ method: "echo", params: [long] }), long);
});

await check("a hundred calls at once find their answers", async (later) => {
  const client = connect(later);
  const calls = Array.from({ length: 100 }, (_, n) => client.request({ method: "add", params: [n, 1] }));
  assert.deepEqual(await Promise.all(calls), Array.from({ length: 100 }, (_, n) => n + 1));
});

await check("errors have their code, message and data", async (later) => {
  const client = connect(later);
  const error = await rejection(client.request({ method: "fail", params: [7, "seven", { a: [1] }] }));
  const cause = error.walk((inner) => inner.code === 7 && inner.data !== undefined);
  assert.deepEqual([cause?.code, cause?.data], [7, { a: [1] }]);
  const unknown = await rejection(client.request({ method: "eth_noSuchMethod" }));
  assert.equal(unknown.code, -32601, unknown.message);
});

await check("blocks are heard until nobody listens any more", async (later) => {
  const client = connect(later);
  const numbers = [];
  let unwatch;
  const three = new Promise((resolve, reject) => {
    unwatch = client.watchBlockNumber({
      poll: false,
      onError: reject,
      onBlockNumber: (number) => numbers.push(number) === 3 && resolve(),
    });
  });
  await within(5_000, "three blocks", three);
  assert.deepEqual(numbers, [numbers[0], numbers[0] + 1n, numbers[0] + 2n]);
  unwatch();
  assert.equal(await client.request({ method: "add", params: [1, 2] }), 3);
});

await check("a thousand logs that follow the reply at once are all heard, and the unsubscribe is answered", async (later) => {
  const client = connect(later);
  const indexes = [];
  let subscription;
  const all = new Promise((resolve, reject) => {
    const onData = ({ result }) => indexes.push(Number(result.logIndex)) === 1000 && resolve();
    client.transport.subscribe({ params: ["logs", {}], onData, onError: reject }).then((begun) => {
      subscription = begun;
    }, reject);
  });
  await within(8_000, "a thousand logs", all);
  assert.deepEqual(indexes, Array.from({ length: 1000 }, (_, n) => n));
  assert.match(subscription.subscriptionId, /^0x[0-9a-f]{32}$/);
  assert.equal((await subscription.unsubscribe()).result, true);
  const unsubscribe = { method: "eth_unsubscribe", params: [subscription.subscriptionId] };
  assert.equal(await client.request(unsubscribe), false, "it is over");
});

await check("after a close by the testbed the client is up again", async (later) => {
  const client = connect(later);
  const sum = () => client.request({ method: "add", params: [1, 2] });
  assert.equal(await sum(), 3);
  await client.request({ method: "close", params: [1012, "restarting"] }).catch(() => {});
  const back = async () => {
    while ((await sum().catch(() => undefined)) !== 3) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await within(8_000, "an answer on the next connection", back());
});

await leftovers();
finish();

function connect(later) {
  // Each check has a connection of its own: viem shares one for each URL otherwise.
  const url = `${URL}?${connect.number = (connect.number ?? 0) + 1}`;
  const client = createPublicClient({
    transport: webSocket(url, { retryCount: 0, keepAlive: false, reconnect: { delay: 100, attempts: 10 } }),
  });
  later(async () => (await client.transport.getRpcClient()).close());
  return client;
}

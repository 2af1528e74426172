// ethers calls the testbed as an Ethereum node (`--role eth`), and hears its blocks.

import assert from "node:assert/strict";
import { WebSocketProvider } from "ethers";
import { check, finish, rejection, testbedUrl, within } from "../node/harness.mjs";
import { watchLeftovers } from "./leftovers.mjs";

const URL = testbedUrl();
const leftovers = await watchLeftovers(URL);

await check("the network is found out, and blocks and balances are read", async (later) => {
  const provider = connect(later);
  assert.equal((await provider.getNetwork()).chainId, 1337n);
  assert.ok((await provider.getBlockNumber()) >= 0);
  assert.equal(await provider.getBalance(`0x${"11".repeat(20)}`), 10n ** 18n);
});

await check("methods of no standard are called by position, and without params", async (later) => {
  const provider = connect(later);
  assert.equal(await provider.send("add", [1, 2]), 3);
  assert.equal(await provider.send("eth_chainId", []), "0x539");
  const long = "é".repeat(2 ** 19 - 128); // with what is around it, a message of 1 MiB at most
  assert.equal(await provider.send("echo", [long]), long);
});

await check("a hundred calls at once find their answers", async (later) => {
  const provider = connect(later);
  const sums = await Promise.all(Array.from({ length: 100 }, (_, n) => provider.send("add", [n, 1])));
  assert.deepEqual(sums, Array.from({ length: 100 }, (_, n) => n + 1));
});

await check("a call that reverts has the contract's data", async (later) => {
  const provider = connect(later);
  const error = await rejection(provider.call({ to: `0x${"22".repeat(20)}`, data: "0x" }));
  assert.equal(error.code, "CALL_EXCEPTION");
  assert.equal(error.data, "0x12345678");
});

await check("an unknown method is refused", async (later) => {
  const error = await rejection(connect(later).send("eth_noSuchMethod", []));
  assert.equal(error.error?.code, -32601, error.message);
});

await check("blocks are heard until nobody listens any more", async (later) => {
  const provider = connect(later);
  const numbers = [];
  const three = new Promise((resolve) => {
    provider.on("block", (number) => {
      numbers.push(number);
      if (numbers.length === 3) resolve();
    });
  });
  await within(5_000, "three blocks", three);
  assert.deepEqual(numbers, [numbers[0], numbers[0] + 1, numbers[0] + 2]);
  await provider.removeAllListeners("block");
  assert.equal(await provider.send("add", [1, 2]), 3);
});

await check("a thousand logs that follow the reply at once are all heard", async (later) => {
  const provider = connect(later);
  await provider.getNetwork(); // without it ethers cannot read a log
  const indexes = [];
  const all = new Promise((resolve) => {
    provider.on({ address: `0x${"11".repeat(20)}` }, (log) => {
      indexes.push(log.index);
      if (indexes.length === 1000) resolve();
    });
  });
  await within(8_000, "a thousand logs", all);
  assert.deepEqual(indexes, Array.from({ length: 1000 }, (_, n) => n));
  await provider.removeAllListeners();
  assert.equal(await provider.send("eth_unsubscribe", ["0x1"]), false, "it is unknown");
});

await leftovers();
finish();

function connect(later) {
  const provider = new WebSocketProvider(URL);
  later(() => provider.destroy());
  return provider;
}

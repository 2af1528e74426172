// Streams, progress and subscriptions, by docs/protocol.md alone: raw text through `ws`, with what a peer must
// not send.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { check, finish, testbedUrl } from "./harness.mjs";
import { Wire, numbers } from "./wire_peer.mjs";

const TESTBED = testbedUrl();
const connect = (later, protocols = ["birpc.v1"]) => Wire.connect(later, new WebSocket(TESTBED, protocols));

await check("a stream is its items in order, and then the result null", async (later) => {
  const wire = await connect(later);
  wire.request(1, "count", [0, 5], { stream: [64, 1000] });
  const { reply, before } = await wire.reply(1);
  assert.equal(reply.result, null);
  assert.equal(before[0].method, "rpc.item");
  assert.deepEqual(wire.items(before, 1), [0, 1, 2, 3, 4]);
  wire.request("s", "count", [3, 3], { stream: [0, 0] });
  assert.equal((await wire.reply("s")).reply.result, null, "an end needs no credit");
});

await check("credit is the largest of each total, and rubbish is no credit", async (later) => {
  const wire = await connect(later);
  wire.request(2, "endless", [], { stream: [3, 3] });
  assert.deepEqual(wire.items(await wire.settled(), 2), [0, 1, 2]);
  for (const params of [
    [2, -1, -1], [2, "9", "9"], [2, 1.5, 7], [2], [2, 9], { id: 2 }, [99, 9, 9], ["2", 9, 9], [2.5, 9, 9], [2, 1, 1],
    [null, 9, 9], [2, [9], 9], null, [], [[2], 9, 9], [2, 9e30, 9e30],
  ]) {
    wire.notify("rpc.more", params);
  }
  assert.deepEqual(await wire.settled(), []);
  wire.notify("rpc.more", [2, 5, 10]);
  assert.deepEqual(wire.items(await wire.settled(), 2), [3, 4]);
  // A number past 2^64 counts as 2^64-1, and the other total still bounds.
  wire.send('{"jsonrpc":"2.0","method":"rpc.more","params":[2,99999999999999999999999,7]}');
  assert.deepEqual(wire.items(await wire.settled(), 2), [5, 6, 7, 8, 9]);
  wire.notify("rpc.more", [2, 4, 11]);
  assert.deepEqual(wire.items(await wire.settled(), 2), [10]);
  wire.notify("rpc.cancel", { id: 2 });
  assert.equal((await wire.reply(2)).reply.error.code, -32800);
  for (const [method, params] of [["rpc.more", [2, 99, 999]], ["rpc.item", [2, 1]], ["rpc.cancel", { id: 2 }]]) {
    wire.notify(method, params);
  }
  assert.deepEqual(await wire.settled(), [], "it is over");
});

await check("a method with a stream needs credit and an id, and no batch", async (later) => {
  const wire = await connect(later);
  for (const stream of [[1], [1, 2, 3], "x", { a: 1 }, [-1, 5], [1.5, 2], ["1", 2], true, null, undefined]) {
    wire.request(3, "endless", [], { stream });
    assert.equal((await wire.reply(3)).reply.error?.code, -32600, JSON.stringify(stream));
  }
  wire.request(null, "endless", [], { stream: [1, 1] });
  assert.equal((await wire.reply(null)).reply.error.code, -32600);
  wire.send([
    { jsonrpc: "2.0", method: "endless", id: 5, stream: [1, 1] },
    { jsonrpc: "2.0", method: "add", params: [1, 2], id: 6, stream: "ignored" },
  ]);
  const replies = await wire.next();
  assert.deepEqual(replies.map(({ id, error }) => [id, error?.code]).sort(), [[5, -32600], [6, undefined]]);
  wire.notify("endless", []);
  assert.deepEqual(await wire.settled(), []);
});

await check("each bad end is told behind its items", async (later) => {
  const wire = await connect(later);
  const ended = async (method, params) => {
    wire.request(7, method, params, { stream: [9, 900] });
    const { reply, before } = await wire.reply(7);
    return [wire.items(before, 7), reply.error];
  };
  assert.deepEqual(await ended("fail_after", [3]), [[0, 1, 2], { code: 7, message: "after 3", data: { n: 3 } }]);
  const [items, error] = await ended("panic_after", [3]);
  assert.deepEqual([items, error.code], [[0, 1, 2], -32603]);
  const [none, refused] = await ended("refuse", []);
  assert.deepEqual([none, refused.code], [[], 8]);
});

await check("items beyond the window come one by one", async (later) => {
  const wire = await connect(later);
  wire.request(8, "big", [100_000, 5], { stream: [1, 1] });
  let [taken, bytes] = [0, 0];
  for (;;) {
    const message = await wire.next();
    if (message.id === 8) break;
    const items = message.params.slice(1);
    taken += items.length;
    bytes += items.reduce((sum, item) => sum + JSON.stringify(item).length, 0);
    if (items.length) wire.notify("rpc.more", [8, taken + 1, bytes + 1]);
  }
  assert.equal(taken, 5);
});

await check("an argument has any number from 0 to 65535, and nothing else", async (later) => {
  const wire = await connect(later);
  const sum = async (params, k, ...done) => {
    wire.request(10, "sum", params);
    wire.notify("rpc.push", [10, k, 1, 2, 3]);
    wire.notify("rpc.done", [10, k, ...done]);
    return (await wire.reply(10)).reply;
  };
  assert.equal((await sum([{ stream: 0 }], 0)).result, 6);
  assert.equal((await sum({ numbers: { stream: 65535 } }, 65535)).result, 6);
  for (const param of [-1, 65536, 1.5, "1", null, [1], undefined]) {
    assert.equal((await sum([{ stream: param }], 1)).error?.code, -32602, JSON.stringify(param));
  }
  for (const params of [[], [null], [5], [{ stream: 1, x: 2 }], [[{ stream: 1 }]]]) {
    assert.equal((await sum(params, 1)).error?.code, -32602, JSON.stringify(params));
  }
  for (const error of [{ code: 5, message: "torn" }, null, 5, "x", {}, { code: "a" }, [1]]) {
    assert.equal((await sum([{ stream: 1 }], 1, error)).error?.code, 9, JSON.stringify(error));
  }
});

await check("unknown, malformed, doubled and late words of an argument do nothing", async (later) => {
  const wire = await connect(later);
  wire.request(12, "sum", [{ stream: 1 }]);
  for (const [method, params] of [
    ["rpc.push", [12, 2, 5]], ["rpc.push", [12, "1", 5]], ["rpc.push", [12, -1, 5]], ["rpc.push", [12]],
    ["rpc.push", ["12", 1, 5]], ["rpc.push", [99, 1, 5]], ["rpc.push", { id: 12 }], ["rpc.done", [12, 2]],
    ["rpc.done", [12]], ["rpc.done", [12, 1.5]], ["rpc.done", [99, 1]],
    // Words of the side that serves, and of no side.
    ["rpc.want", [12, 1, 5, 5]], ["rpc.stop", [12, 1]], ["rpc.item", [12, 5]], ["rpc.progress", [12, 5]],
    ["rpc.more", [12, 9, 9]], ["rpc.unheard", [12]],
  ]) {
    wire.notify(method, params);
  }
  assert.deepEqual((await wire.settled()).filter(({ id }) => id === 12), []);
  wire.send([
    { jsonrpc: "2.0", method: "rpc.push", params: [12, 1, 40] },
    { jsonrpc: "2.0", method: "rpc.push", params: [12, 1, 2] },
  ]);
  for (const params of [[12, 1], [12, 1]]) wire.notify("rpc.done", params);
  wire.notify("rpc.push", [12, 1, 1]);
  assert.equal((await wire.reply(12)).reply.result, 42);
  wire.request(13, "rpc.push", [12, 1, 1]);
  assert.equal((await wire.reply(13)).reply.error.code, -32601, "a word is no request");
});

await check("an argument that is dropped is stopped, and its call goes on", async (later) => {
  const wire = await connect(later);
  wire.request(14, "first", [2, { stream: 1 }, 50]);
  wire.notify("rpc.push", [14, 1, 5, 6, 7]);
  const { reply, before } = await wire.reply(14);
  assert.deepEqual(reply.result, [5, 6]);
  assert.deepEqual(before.filter(({ method }) => method === "rpc.stop").map(({ params }) => params), [[14, 1]]);
  wire.notify("rpc.push", [14, 1, 8]);
  wire.notify("rpc.done", [14, 1]);
  assert.deepEqual(await wire.settled(), []);
});

await check("more than was granted ends the call, and no other", async (later) => {
  const wire = await connect(later);
  wire.request(15, "never_read", [{ stream: 1 }]);
  wire.notify("rpc.push", [15, 1, ...numbers(17)]);
  assert.equal((await wire.reply(15)).reply.error.code, -32600);
  wire.request(16, "never_read", [{ stream: 1 }]);
  wire.notify("rpc.push", [16, 1, "x".repeat(20_000)]);
  assert.deepEqual((await wire.settled()).filter(({ id }) => id === 16), [], "one item may exceed the bytes");
  wire.notify("rpc.push", [16, 1, 1]);
  assert.equal((await wire.reply(16)).reply.error.code, -32600);
});

await check("items go both ways at once, one by one", async (later) => {
  const wire = await connect(later);
  wire.request(17, "double", [{ stream: 1 }], { stream: [1, 1] });
  let [sent, wanted] = [0, 16];
  const push = () => {
    for (; sent < Math.min(wanted, 40); sent++) wire.notify("rpc.push", [17, 1, sent]);
  };
  push();
  const doubled = [];
  while (doubled.length < 40) {
    const { method, params } = await wire.next();
    if (method === "rpc.want") wanted = params[2];
    if (method === "rpc.item" && params.length > 1) {
      doubled.push(...params.slice(1));
      wire.notify("rpc.more", [17, doubled.length + 1, 1_000_000]);
    }
    push();
  }
  wire.notify("rpc.done", [17, 1]);
  assert.equal((await wire.reply(17)).reply.result, null);
  assert.deepEqual(doubled, numbers(40).map((number) => 2 * number));
});

await check("nothing is left", async (later) => {
  const wire = await connect(later);
  for (let id = 0; id < 20; id++) wire.request(id, "endless", [], { stream: [1, 1] });
  await wire.settled();
  for (let id = 0; id < 20; id++) wire.notify("rpc.cancel", { id });
  await wire.settled();
  wire.request("left", "streams", []);
  assert.deepEqual((await wire.reply("left")).reply.result, { producing: 0, consuming: 0, ended: 20 });
});

finish();

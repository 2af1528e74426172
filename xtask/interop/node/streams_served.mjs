// The same with the sides exchanged: the testbed takes our streams, sends us some, hears progress, and
// subscribes and is subscribed to in Ethereum's form.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { check, finish, testbedUrl } from "./harness.mjs";
import { Wire, numbers } from "./wire_peer.mjs";

const TESTBED = testbedUrl();
const connect = (later, protocols = ["birpc.v1"]) => Wire.connect(later, new WebSocket(TESTBED, protocols));

/** The testbed's next call of this method. */
async function called(wire, method) {
  for (;;) {
    const message = await wire.next();
    if (message.method === method) return message;
  }
}

const answer = (id, result) => ({ jsonrpc: "2.0", id, result });
const failure = (id, code) => ({ jsonrpc: "2.0", id, error: { code, message: "as asked" } });
const items = (id, ...values) => ({ jsonrpc: "2.0", method: "rpc.item", params: [id, ...values] });

await check("the testbed takes a stream of ours, and tells each end apart", async (later) => {
  const wire = await connect(later);
  for (const [serve, expected, take] of [
    [(id) => [items(id), items(id, 1, 2), items(id, 3), answer(id, null)], { items: [1, 2, 3], end: "complete" }],
    [(id) => [answer(id, null)], { items: [], end: "complete" }],
    [(id) => [items(id, 1), answer(id, { not: ["looked at"] })], { items: [1], end: "complete" }],
    [(id) => [items(id, 1), failure(id, 5)], { items: [1], end: 5 }],
    [(id) => [failure(id, 5)], { items: [], end: 5 }],
    [(id) => [items(id, 1, 2, 3, 4)], { items: [1, 2], end: "dropped" }, 2],
    // Items of other calls, and what is late.
    [(id) => [items(`${id}`, 9), items(null, 9), items(-id, 9), items(id, 7), answer(id, null), items(id, 8),
      answer(id, null)], { items: [7], end: "complete" }],
  ]) {
    wire.request("pull", "pull", ["feed", [], take]);
    const call = await called(wire, "feed");
    assert.ok(Array.isArray(call.stream) && call.stream.length === 2, JSON.stringify(call));
    for (const message of serve(call.id)) wire.send(message);
    const { items: got, end } = (await wire.reply("pull")).reply.result;
    assert.deepEqual({ items: got, end: end.error?.code ?? end }, expected);
  }
  assert.ok((await wire.settled()).every(({ error }) => error === undefined));
});

await check("more than the testbed has granted ends our stream with -32600 and a cancel", async (later) => {
  const wire = await connect(later);
  wire.request("pull", "pull", ["feed", []]);
  const { id, stream } = await called(wire, "feed");
  wire.send(items(id, ...numbers(stream[0] + 1)));
  const { reply, before } = await wire.reply("pull");
  assert.equal(reply.result.end.error.code, -32600);
  const after = [...before, ...(await wire.settled())];
  assert.deepEqual(after.filter(({ method }) => method === "rpc.cancel").map(({ params }) => params.id), [id]);
});

await check("the testbed sends an argument within our credit, until we stop it", async (later) => {
  const wire = await connect(later);
  const pushed = (messages, id) =>
    messages.filter(({ method, params }) => method === "rpc.push" && params[0] === id).flatMap(({ params }) => params.slice(2));
  wire.request("push", "push", ["take", 1000]);
  const { id, params } = await called(wire, "take");
  assert.deepEqual(params, [{ stream: 1 }]);
  assert.deepEqual(pushed(await wire.settled(), id), numbers(16), "what is always granted");
  for (const want of [[id, 1, -5, 9], [id, 1], [id, 2, 99, 9999], ["x", 1, 99, 99], [id, 1, 20, -3], [id, "1", 99, 99]]) {
    wire.notify("rpc.want", want);
  }
  assert.deepEqual(await wire.settled(), []);
  wire.notify("rpc.want", [id, 1, 20, 1_000_000]);
  assert.deepEqual(pushed(await wire.settled(), id), [16, 17, 18, 19]);
  wire.notify("rpc.stop", [id, 1]);
  wire.notify("rpc.want", [id, 1, 100, 1_000_000]);
  assert.deepEqual(await wire.settled(), [], "neither items nor rpc.done");
  wire.send(answer(id, "stopped"));
  assert.equal((await wire.reply("push")).reply.result, "stopped");

  wire.request("push", "push", ["take", 5]);
  const call = await called(wire, "take");
  const words = await wire.settled();
  assert.deepEqual([pushed(words, call.id), words.at(-1)?.method], [numbers(5), "rpc.done"]);
  wire.send(answer(call.id, 10));
  assert.equal((await wire.reply("push")).reply.result, 10);
});

await check("progress is reported before the result, and only to who asks", async (later) => {
  const wire = await connect(later);
  wire.request(1, "build", [3, 1], { progress: true });
  const { reply, before } = await wire.reply(1);
  assert.equal(reply.result, "built");
  assert.deepEqual(before.map(({ method, params }) => [method, params]),
    [1, 2, 3].map((done) => ["rpc.progress", [1, { done, total: 3 }]]));
  for (const progress of [1, "true", null, [true], undefined]) {
    wire.request(2, "build", [2, 1], { progress });
    assert.deepEqual((await wire.reply(2)).before, [], JSON.stringify(progress));
  }
});

await check("reports of ours are heard, and malformed, late and others' are not", async (later) => {
  const wire = await connect(later);
  wire.request("by", "build_by", ["build", 2]);
  const { id, progress } = await called(wire, "build");
  assert.equal(progress, true);
  const done = (number) => ({ done: number, total: 2 });
  for (const params of [[id, done(1)], [id], [`${id}`, done(9)], [-id, done(9)], { id }, [id, done(9), "more"], [id, done(2)]]) {
    wire.notify("rpc.progress", params);
  }
  wire.send(answer(id, "built"));
  wire.notify("rpc.progress", [id, done(9)]);
  assert.deepEqual((await wire.reply("by")).reply.result, { reports: [done(1), done(2)], result: "built" });
});

await check("subscriptions at the testbed: the id, the items, each end", async (later) => {
  const wire = await connect(later, []);
  const subscribed = async (...params) => {
    wire.request("sub", "sub_subscribe", params);
    const { reply, before } = await wire.reply("sub");
    assert.deepEqual(before, [], "nothing comes before the id");
    return reply;
  };
  const left = async (...params) => {
    wire.request("off", "sub_unsubscribe", params);
    return (await wire.reply("off")).reply;
  };
  let { result: id } = await subscribed("ticks", 3, 0);
  assert.match(id, /^0x[0-9a-f]{32}$/);
  for (const result of numbers(3)) {
    assert.deepEqual(await wire.next(), { jsonrpc: "2.0", method: "sub_subscription", params: { subscription: id, result } });
  }
  assert.equal((await left(id)).result, false, "it is complete");
  ({ result: id } = await subscribed("fail", 1, 0));
  assert.equal((await wire.next()).params.result, 0);
  const { subscription, error } = (await wire.next()).params;
  assert.deepEqual([subscription, error.code], [id, 7]);
  assert.equal((await subscribed("refuse")).error.code, 8);
  ({ result: id } = await subscribed("endless", null, 1));
  for (const params of [[], [null], [true], [[id]], [{}], [id, 1]]) {
    assert.equal((await left(...params)).error?.code, -32602, JSON.stringify(params));
  }
  assert.equal((await left("0x0")).result, false);
  assert.equal((await left(id)).result, true);
  assert.deepEqual(await wire.settled(), [], "nothing comes behind");
  assert.equal((await left(id)).result, false);
  wire.notify("sub_subscribe", ["endless"]);
  wire.request("left", "streams", []);
  assert.equal((await wire.reply("left")).reply.result.producing, 0, "no id, no subscription");
});

await check("the testbed subscribes here: early items, other ids, ids that are none", async (later) => {
  const wire = await connect(later, []);
  const event = (params) => ({ jsonrpc: "2.0", method: "x_subscription", params });
  const item = (subscription, result) => event({ subscription, result });
  const take = async (count, ...messages) => {
    wire.request("take", "take_subscription", ["x", null, count]);
    const { id } = await called(wire, "x_subscribe");
    for (const message of messages) wire.send(typeof message === "function" ? message(id) : message);
    const { reply, before } = await wire.reply("take");
    const left = [...before, ...(await wire.settled())].filter(({ method }) => method === "x_unsubscribe");
    for (const { id } of left) wire.send(answer(id, true));
    return [reply, left.map(({ params }) => params)];
  };
  const opened = (subscription) => (id) => answer(id, subscription);
  const [taken, left] = await take(3, item("a", 1), item("b", 9), event({ result: 9 }), item(null, 9), event([9]),
    opened("a"), item("a", 2), item("b", 9), item("a", 3), item("a", 4));
  assert.deepEqual([taken.result, left], [[1, 2, 3], [["a"]]]);
  for (const id of [null, true, {}, [], "y".repeat(2000)]) {
    const [refused, left] = await take(1, opened(id));
    assert.deepEqual([refused.error.code, left], [-32603, []], JSON.stringify(id).slice(0, 20));
  }
  // An end for which there is no room among what comes early.
  const data = "d".repeat(100_000);
  const early = numbers(32).map((number) => item("c", number));
  const error = { code: 7, message: "over", data };
  const [ended, unsubscribed] = await take(100, ...early, event({ subscription: "c", error }), opened("c"));
  assert.deepEqual([ended.error.code, ended.error.message, unsubscribed], [7, "over", []]);
});

finish();

// The testbed's methods, called by `json-rpc-2.0`; and the testbed calling back.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { check, finish, rejection, testbedUrl, within } from "./harness.mjs";
import { connect, opened } from "./peer.mjs";

const TESTBED = testbedUrl();

await check("add by position", async (later) => {
  const peer = await connect(later, TESTBED);
  assert.equal(await peer.request("add", [2, 3]), 5);
  assert.equal(await peer.request("add", [-9007199254740991, 1]), -9007199254740990);
});

await check("add by name", async (later) => {
  const peer = await connect(later, TESTBED);
  assert.equal(await peer.request("add", { b: 3, a: -5 }), -2);
});

await check("echo of every kind of JSON value, by position and by name", async (later) => {
  const peer = await connect(later, TESTBED);
  const values = [
    null, true, false, 0, -1, 1.5, 1e300, 5e-324, Number.MAX_SAFE_INTEGER,
    "", "plain", "é ñ 汉字 עברית 🦀 👩‍👩‍👧", "\u0000 \u001f \u007f \u2028 \ufeff", 'quote " slash / back \\',
    [], {}, [[[]]], [1, [2, [3, null]]], { a: { b: { c: [] } } }, { "": "", "é": 1, "🦀": [null] },
    "long ".repeat(20_000), Array.from({ length: 5_000 }, (_, i) => i), deepArray(100),
  ];
  for (const value of values) {
    assert.deepEqual(await peer.request("echo", [value]), value);
    assert.deepEqual(await peer.request("echo", { value }), value);
  }
});

await check("an error arrives with its code, message and data", async (later) => {
  const peer = await connect(later, TESTBED);
  const data = { why: ["é", 1.5, null], nested: { deep: true } };
  assertError(await rejection(peer.request("fail", [42, "no such luck", data])), 42, "no such luck", data);
  assertError(await rejection(peer.request("fail", { code: -1, message: "", data: "text" })), -1, "", "text");
});

await check("an error without data has no data member", async (later) => {
  const peer = await connect(later, TESTBED);
  assertError(await rejection(peer.request("fail", [7, "bare"])), 7, "bare", undefined);
});

await check("an unknown method is refused with -32601, and data names it", async (later) => {
  const peer = await connect(later, TESTBED);
  const error = await rejection(peer.request("no_such_method", []));
  assert.equal(error.code, -32601);
  assert.match(JSON.stringify(error.data), /no_such_method/);
});

await check("params that do not decode are refused with -32602, and data names the parameter", async (later) => {
  const peer = await connect(later, TESTBED);
  const error = await rejection(peer.request("relay", [1, []]));
  assert.equal(error.code, -32602);
  assert.match(JSON.stringify(error.data), /method/);
  assert.equal((await rejection(peer.request("add", [1]))).code, -32602);
  assert.equal((await rejection(peer.request("add", { a: 1, c: 2 }))).code, -32602);
});

await check("a panic is answered with -32603, says nothing of its inside, and harms nothing else", async (later) => {
  const peer = await connect(later, TESTBED);
  const other = peer.request("sleep", [200]);
  const error = await rejection(peer.request("panic"));
  assert.equal(error.code, -32603);
  assert.doesNotMatch(JSON.stringify([error.message, error.data]), /panicked|\.rs/);
  assert.equal(await other, 200);
  assert.equal(await peer.request("add", [1, 1]), 2);
});

await check("a hundred notifications are handled in order", async (later) => {
  const peer = await connect(later, TESTBED);
  const lines = Array.from({ length: 100 }, (_, i) => `line ${i} é`);
  lines.forEach((line, i) => peer.notify("log", i % 2 ? [line] : { line }));
  assert.deepEqual(await peer.request("logged"), lines);
});

await check("what was logged belongs to its connection", async (later) => {
  const [one, two] = [await connect(later, TESTBED), await connect(later, TESTBED)];
  one.notify("log", ["of one"]);
  assert.deepEqual(await one.request("logged", []), ["of one"]);
  assert.deepEqual(await two.request("logged", []), []);
});

await check("calls run at the same time, and are answered as they end", async (later) => {
  const peer = await connect(later, TESTBED);
  const ended = [];
  const calls = [400, 0, 200].map(async (ms) => ended.push(await peer.request("sleep", [ms])));
  await Promise.all(calls);
  assert.deepEqual(ended, [0, 200, 400]);

  const fifty = Array.from({ length: 50 }, () => peer.request("sleep", { ms: 200 }));
  await within(5_000, "fifty sleeps of 200 ms, which take 10 s one after the other", Promise.all(fifty));
});

for (const [offered, chosen] of [
  [["birpc.v1"], "birpc.v1"],
  [["jsonrpc"], "jsonrpc"],
  [["mqtt", "jsonrpc"], "jsonrpc"],
]) {
  await check(`of the subprotocols ${offered} the server picks ${chosen}`, async (later) => {
    const peer = await connect(later, TESTBED, { protocols: offered });
    assert.equal(peer.ws.protocol, chosen);
    assert.equal((await peer.request("whoami")).protocol, chosen);
  });
}

await check("of birpc.v1 and jsonrpc the server picks one that was offered", async (later) => {
  const peer = await connect(later, TESTBED, { protocols: ["birpc.v1", "jsonrpc"] });
  assert.ok(["birpc.v1", "jsonrpc"].includes(peer.ws.protocol), `picked ${peer.ws.protocol}`);
  assert.equal((await peer.request("whoami")).protocol, peer.ws.protocol);
});

await check("a client that offers no subprotocol is served as plain JSON-RPC", async (later) => {
  const peer = await connect(later, TESTBED, { protocols: [] });
  assert.equal(peer.ws.protocol, "");
  assert.notEqual((await peer.request("whoami")).protocol, "birpc.v1");
});

await check("a client that offers only unknown subprotocols is refused with HTTP 400", async () => {
  const error = await rejection(opened(new WebSocket(TESTBED, ["mqtt", "wamp"])));
  assert.equal(error.status, 400, error.message);
});

await check("a page of another Origin is refused with HTTP 403", async () => {
  const error = await rejection(opened(new WebSocket(TESTBED, { origin: "http://evil.example" })));
  assert.equal(error.status, 403, error.message);
});

await check("whoami tells the connection apart", async (later) => {
  const origin = new URL(TESTBED.replace("ws:", "http:")).origin;
  const one = await connect(later, TESTBED, { origin });
  const two = await connect(later, TESTBED);
  const [first, second] = [await one.request("whoami", []), await two.request("whoami", {})];
  assert.notEqual(first.peer, second.peer);
  assert.match(first.remote, new RegExp(`:${one.ws._socket.localPort}$`));
  assert.equal(first.origin, origin);
  assert.equal(second.origin, null);
  assert.ok(first.in_flight >= 1, `in_flight is ${first.in_flight} while whoami is`);
  assert.ok(second.connections >= 2, `connections is ${second.connections}`);
});

await check("broadcast reaches every connection and counts them", async (later) => {
  const peers = [await connect(later, TESTBED), await connect(later, TESTBED)];
  const heard = peers.map((peer) => new Promise((resolve) => peer.addMethod("said", resolve)));
  await onlyConnections(peers[0], peers.length);
  assert.equal(await peers[0].request("broadcast", ["said", { line: "é" }]), 2);
  const all = await within(5_000, "the notification on both connections", Promise.all(heard));
  assert.deepEqual(all, [{ line: "é" }, { line: "é" }]);
});

await check("close(code, reason) closes the caller's connection with them", async (later) => {
  const peer = await connect(later, TESTBED);
  peer.request("close", [4001, "enough, é"]).catch(() => {}); // it may be answered, or cut off
  const closed = await within(5_000, "the close event", peer.closed);
  assert.deepEqual(closed, { code: 4001, reason: "enough, é" });
});

await check("relay calls the caller back and returns its result", async (later) => {
  const peer = await connect(later, TESTBED);
  peer.addMethod("double", ([n]) => 2 * n);
  peer.addMethod("greet", async ({ name }) => `hello ${name}`);
  assert.equal(await peer.request("relay", ["double", [21]]), 42);
  assert.equal(await peer.request("relay", { method: "greet", params: { name: "é" } }), "hello é");
  assert.equal(await peer.request("relay", ["echo", [null]]), null);
});

await check("relay passes the caller's own error on unchanged", async (later) => {
  const peer = await connect(later, TESTBED);
  const data = { only: "ours" };
  const error = await rejection(peer.request("relay", ["fail", [4711, "ours", data]]));
  assertError(error, 4711, "ours", data);
  assert.equal((await rejection(peer.request("relay", ["not_served_here", []]))).code, -32601);
});

await check("equal ids in both directions never meet", async (later) => {
  const peer = await connect(later, TESTBED);
  const [ours, theirs] = [new Set(), new Set()];
  peer.seen = (message) => (message.method ? theirs : ours).add(message.id);
  const calls = Array.from({ length: 200 }, (_, i) => peer.request("relay", ["add", [i, 1]]));
  assert.deepEqual(await Promise.all(calls), Array.from({ length: 200 }, (_, i) => i + 1));
  const both = [...theirs].filter((id) => ours.has(id)).length;
  assert.ok(both > 0, `the testbed's ids (${[...theirs].slice(0, 3)}, …) are none of 1 to 200: nothing was shown`);
});

finish();

function assertError(error, code, message, data) {
  assert.deepEqual({ code: error.code, message: error.message, data: error.data }, { code, message, data });
}

function deepArray(depth) {
  let value = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

/** Waits until the testbed has forgotten the connections that earlier checks closed. */
async function onlyConnections(peer, count) {
  const settled = async () => {
    while ((await peer.request("whoami")).connections !== count) await new Promise((go) => setTimeout(go, 10));
  };
  await within(5_000, `the testbed to have ${count} connections, and no more`, settled());
}

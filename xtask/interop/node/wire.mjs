// The wire itself: raw text through `ws`, for what a JSON-RPC library would never send or would not show.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { check, finish, testbedUrl, within } from "./harness.mjs";
import { opened } from "./peer.mjs";

const TESTBED = testbedUrl();
const ADD = '"jsonrpc":"2.0","method":"add","params":[1,2]';

for (const id of [
  "1", "0", "-7", '""', '"a string"', '"1"', '"é🦀"', '"\\u00e9\\n\\""', "1.5", "1.0", "-0", "1e3",
  "9007199254740993", "-9007199254740993", "18446744073709551616", "123456789012345678901234567890", "null",
]) {
  await check(`id ${id} comes back byte for byte`, async (later) => {
    const raw = await connect(later);
    raw.send(`{${ADD},"id":${id}}`);
    const answer = await raw.next();
    assert.equal(JSON.parse(answer).result, 3, answer);
    assert.equal(idText(answer), id, answer);
  });
}

await check("echo keeps the text of numbers and strings", async (later) => {
  const raw = await connect(later);
  const value = '[123456789012345678901234567890,1.10,-0,1E+2,0.1000000000000000055511151231257827,"\\u00e9\\/"]';
  raw.send(`{"jsonrpc":"2.0","id":1,"method":"echo","params":[${value}]}`);
  const answer = await raw.next();
  assert.ok(answer.includes(value), `sent ${value}, received ${answer}`);
});

await check("rubbish is answered with -32700, and the connection stays", async (later) => {
  const raw = await connect(later);
  for (const rubbish of ['{"jsonrpc": "2.0", "method', "", "not json", "[1,", '{"a":1}}', "\u0000", "'x'"]) {
    raw.send(rubbish);
    assertRefused(await raw.nextJson(), -32700, null);
  }
  await stillServes(raw);
});

await check("a score of rubbish in a row closes with 1007", async (later) => {
  const raw = await connect(later);
  for (let i = 0; i < 20; i++) raw.send("rubbish");
  const { code } = await within(5_000, "the close event", raw.closed);
  assert.equal(code, 1007);
});

for (const [what, text, id] of [
  ["no jsonrpc member", '{"id":1,"method":"add","params":[1,2]}', 1],
  ["another version", '{"jsonrpc":"1.0","id":"one","method":"add","params":[1,2]}', "one"],
  ["a method that is no string", '{"jsonrpc":"2.0","id":2,"method":1,"params":[1,2]}', 2],
  ["params that are no array or object", '{"jsonrpc":"2.0","id":3,"method":"add","params":"bar"}', 3],
  ["no method, result or error", '{"jsonrpc":"2.0"}', null],
  ["a number", "1", null],
  ["a string", '"add"', null],
  ["null", "null", null],
  ["an empty batch", "[]", null],
]) {
  await check(`${what} is refused with -32600, and the connection stays`, async (later) => {
    const raw = await connect(later);
    raw.send(text);
    assertRefused(await raw.nextJson(), -32600, id);
    await stillServes(raw);
  });
}

await check("an id that is in flight is refused with -32600, and the first call goes on", async (later) => {
  const raw = await connect(later);
  raw.send('{"jsonrpc":"2.0","id":5,"method":"sleep","params":[300]}');
  raw.send('{"jsonrpc":"2.0","id":5,"method":"sleep","params":[0]}');
  assertRefused(await raw.nextJson(), -32600, 5);
  assert.deepEqual(await raw.nextJson(), { jsonrpc: "2.0", id: 5, result: 300 });
});

await check("a mixed batch is answered per element, without its notifications", async (later) => {
  const raw = await connect(later);
  raw.send(`[
    {"jsonrpc":"2.0","method":"add","params":[1,2],"id":"1"},
    {"jsonrpc":"2.0","method":"log","params":["of a batch"]},
    {"jsonrpc":"2.0","method":"add","params":{"a":42,"b":23},"id":"2"},
    {"foo":"boo"},
    1,
    {"jsonrpc":"2.0","method":"foo.get","params":{"name":"myself"},"id":"5"},
    {"jsonrpc":"2.0","method":"no_such_notification"},
    {"jsonrpc":"2.0","method":"logged","id":9}
  ]`);
  const answers = await raw.nextJson();
  assert.equal(answers.length, 6, JSON.stringify(answers));
  const byId = new Map(answers.map((answer) => [answer.id, answer]));
  assert.equal(byId.get("1").result, 3);
  assert.equal(byId.get("2").result, 65);
  assert.equal(byId.get("5").error.code, -32601);
  assert.deepEqual(byId.get(9).result, ["of a batch"]);
  const invalid = answers.filter((answer) => answer.id === null);
  assert.deepEqual(invalid.map((answer) => answer.error.code), [-32600, -32600]);
});

await check("a batch of invalid elements is answered with as many errors", async (later) => {
  const raw = await connect(later);
  raw.send("[1,2,3]");
  const answers = await raw.nextJson();
  assert.equal(answers.length, 3);
  for (const answer of answers) assertRefused(answer, -32600, null);
});

await check("a batch of notifications is not answered", async (later) => {
  const raw = await connect(later);
  const note = '{"jsonrpc":"2.0","method":"log","params":["x"]}';
  raw.send(`[${note},${note}]`);
  await stillServes(raw);
});

await check("a batch of one is answered with a batch of one", async (later) => {
  const raw = await connect(later);
  raw.send(`[{${ADD},"id":1}]`);
  assert.deepEqual(await raw.nextJson(), [{ jsonrpc: "2.0", id: 1, result: 3 }]);
});

await check("the entries of a batch run at the same time", async (later) => {
  const raw = await connect(later);
  const sleeps = Array.from({ length: 50 }, (_, id) => `{"jsonrpc":"2.0","id":${id},"method":"sleep","params":[200]}`);
  raw.send(`[${sleeps}]`);
  const answers = await raw.nextJson(5_000); // 10 s one after the other
  assert.equal(answers.length, 50);
});

await check("a batch may hold 256 entries, and one of 257 is refused whole", async (later) => {
  const raw = await connect(later);
  const batch = (length) => `[${Array.from({ length }, (_, id) => `{${ADD},"id":${id}}`)}]`;
  raw.send(batch(256));
  assert.equal((await raw.nextJson()).length, 256);
  raw.send(batch(257));
  assertRefused(await raw.nextJson(), -32600, null);
  await stillServes(raw);
});

await check("a response inside a batch completes the call that it answers", async (later) => {
  const raw = await connect(later);
  const call = await beRelayed(raw, '"outer"');
  raw.send(`[{"jsonrpc":"2.0","id":${idText(call)},"result":"yes"},{${ADD},"id":2}]`);
  const answers = [await raw.nextJson(), await raw.nextJson()];
  assert.deepEqual(answers.find(Array.isArray), [{ jsonrpc: "2.0", id: 2, result: 3 }]);
  assert.deepEqual(answers.find((answer) => answer.id === "outer"), { jsonrpc: "2.0", id: "outer", result: "yes" });
});

await check("notifications to unknown methods, and responses to no call, are never answered", async (later) => {
  const raw = await connect(later);
  raw.send('{"jsonrpc":"2.0","method":"no_such_method","params":[1]}');
  raw.send('{"jsonrpc":"2.0","method":"add","params":["not a number"]}');
  raw.send('{"jsonrpc":"2.0","id":987654,"result":1}');
  raw.send('{"jsonrpc":"2.0","id":"ghost","error":{"code":1,"message":"boo"}}');
  raw.send('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}');
  await stillServes(raw);
});

await check("while the testbed's call is open, ours with the same id is served", async (later) => {
  const raw = await connect(later);
  const id = idText(await beRelayed(raw, '"outer"'));
  raw.send(`{${ADD},"id":${id}}`);
  assert.equal(JSON.parse(await raw.next()).result, 3);
  raw.send(`{"jsonrpc":"2.0","id":${id},"result":"ours"}`);
  assert.deepEqual(await raw.nextJson(), { jsonrpc: "2.0", id: "outer", result: "ours" });
});

await check("while our call is open, the testbed calls with the same id, and each answer finds its call", async (later) => {
  const raw = await connect(later);
  const id = await foreseeNextId(raw);
  const call = await beRelayed(raw, String(id));
  assert.equal(idText(call), String(id), "the testbed's ids could not be foreseen, so this check shows nothing");
  raw.send(`{"jsonrpc":"2.0","id":${id},"result":"ours"}`);
  assert.deepEqual(await raw.nextJson(), { jsonrpc: "2.0", id, result: "ours" });
});

await check("rpc.cancel ends a call with -32800 under birpc.v1", async (later) => {
  const raw = await connect(later, ["birpc.v1"]);
  raw.send('{"jsonrpc":"2.0","id":"c","method":"sleep","params":[600000]}');
  raw.send('{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":"c"}}');
  assertRefused(await raw.nextJson(), -32800, "c");
  await stillServes(raw);
});

await check("under birpc.v1 the testbed sends as many notifications as it was allowed, and goes on when allowed more", async (later) => {
  const raw = await connect(later, ["birpc.v1"]);
  raw.send('{"jsonrpc":"2.0","id":1,"method":"shout","params":["said",3000]}');
  let bytes = 0;
  for (let n = 0; n < 3000; n++) {
    if (n === 1024 || n === 2000) {
      raw.send(`{${ADD},"id":"between"}`);
      assert.equal((await raw.nextJson()).id, "between", "nothing came before it");
      raw.send(`{"jsonrpc":"2.0","method":"rpc.allow","params":[${n === 1024 ? 2000 : 3000},${bytes + (1 << 20)}]}`);
    }
    const text = await raw.next();
    bytes += Buffer.byteLength(text);
    assert.deepEqual(JSON.parse(text), { jsonrpc: "2.0", method: "said", params: [n] });
  }
  assert.deepEqual(await raw.nextJson(), { jsonrpc: "2.0", id: 1, result: 3000 });
});

await check("under birpc.v1 the testbed allows more as it serves, and drops nothing", async (later) => {
  const raw = await connect(later, ["birpc.v1"]);
  const note = '{"jsonrpc":"2.0","method":"log","params":["x"]}';
  for (let n = 512; n <= 4096; n += 512) {
    for (let i = 0; i < 512; i++) raw.send(note);
    assert.deepEqual((await raw.nextJson()).params, [n + 1024, n * note.length + (1 << 20)]);
  }
  raw.send('{"jsonrpc":"2.0","id":1,"method":"dropped"}');
  assert.equal((await raw.nextJson()).result, 0);
});

await check("under birpc.v1 a notification without credit closes with 1008", async (later) => {
  const raw = await connect(later, ["birpc.v1"]);
  for (let i = 0; i < 1025; i++) raw.send('{"jsonrpc":"2.0","method":"slow_log","params":["x"]}');
  assert.equal((await within(5_000, "the close", raw.closed)).code, 1008);
});

await check("JSON in a binary message is served and answered in text", async (later) => {
  const raw = await connect(later);
  raw.send(Buffer.from(`{${ADD},"id":"binary é"}`));
  assert.equal((await raw.nextJson()).id, "binary é");
  assert.equal(raw.lastWasBinary, false);
});

await check("a message in several frames, with a ping between them, is one message", async (later) => {
  const raw = await connect(later);
  const text = `{${ADD},"id":"é"}`;
  const pong = new Promise((resolve) => raw.ws.once("pong", (data) => resolve(data.toString())));
  raw.ws.send(text.slice(0, 20), { fin: false });
  raw.ws.ping("between");
  raw.ws.send(text.slice(20), { fin: true });
  assert.equal((await raw.nextJson()).id, "é");
  assert.equal(await within(5_000, "the pong", pong), "between");
});

finish();

/** A connection of raw messages, which are kept until they are asked for. */
async function connect(later, protocols = ["jsonrpc"]) {
  const ws = new WebSocket(TESTBED, protocols, { perMessageDeflate: false });
  const arrived = [];
  const awaited = [];
  const raw = {
    ws,
    send: (message) => ws.send(message),
    next: (ms = 5_000) => within(ms, "a message", take()),
    nextJson: async (ms) => JSON.parse(await raw.next(ms)),
    closed: new Promise((resolve) => ws.on("close", (code) => resolve({ code }))),
  };
  const take = () => new Promise((resolve) => (arrived.length ? resolve(arrived.shift()) : awaited.push(resolve)));
  ws.on("message", (data, isBinary) => {
    raw.lastWasBinary = isBinary;
    const text = data.toString();
    if (awaited.length) awaited.shift()(text);
    else arrived.push(text);
  });
  later(() => {
    ws.terminate();
    return raw.closed;
  });
  await opened(ws);
  return raw;
}

/** Has the testbed call us, under our request `id`, and returns the text of its call. */
async function beRelayed(raw, id) {
  raw.send(`{"jsonrpc":"2.0","id":${id},"method":"relay","params":["ask",[]]}`);
  const call = await raw.next();
  assert.equal(JSON.parse(call).method, "ask", call);
  return call;
}

/** Looks at two ids of the testbed's own, and says which one comes next if they are counted. */
async function foreseeNextId(raw) {
  const ids = [];
  for (const ours of ['"first"', '"second"']) {
    const id = idText(await beRelayed(raw, ours));
    raw.send(`{"jsonrpc":"2.0","id":${id},"result":0}`);
    await raw.next();
    ids.push(Number(id));
  }
  return 2 * ids[1] - ids[0];
}

async function stillServes(raw) {
  raw.send(`{${ADD},"id":"still there"}`);
  assert.deepEqual(await raw.nextJson(), { jsonrpc: "2.0", id: "still there", result: 3 });
}

function assertRefused(answer, code, id) {
  assert.equal(answer.jsonrpc, "2.0", JSON.stringify(answer));
  assert.equal(answer.error?.code, code, JSON.stringify(answer));
  assert.deepEqual(answer.id, id, JSON.stringify(answer));
}

/** The id of a message as it is written there; what `JSON.parse` returns has lost it. */
function idText(message) {
  return message.match(/"id"\s*:\s*("(?:[^"\\]|\\.)*"|[^,}\s]+)/)?.[1];
}

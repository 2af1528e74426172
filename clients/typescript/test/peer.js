// What a peer may do to this side, on a socket of the test's own: rubbish, excess, words after the end, and
// what is left.

import { RpcError, connect } from "../dist/index.js";
import { notification, open, page, request, result, word } from "./fake.js";
import { check, equal, rejection, settled } from "./harness.js";
import { testbed } from "./tables.js";

await check("it offers jsonrpc and birpc.v1, and takes what the server chose", async (later) => {
  for (const protocol of ["birpc.v1", "jsonrpc", ""]) {
    const { peer, socket } = await open(later, {}, protocol);
    equal(socket.protocols, ["jsonrpc", "birpc.v1"]);
    equal(peer.protocol, protocol);
  }
});

await check(
  "params: absent, by position, by name and single; trailing undefined is left out",
  async (later) => {
    const { peer, socket } = await open(later);
    const row = (name, params, style) => ({ name, params, ...(style && { style }) });
    const rows = {
      none: row("none", []),
      three: row("three", ["a", "b", "c"]),
      named: row("named", ["a", "b"], "named"),
      noneNamed: row("none_named", [], "named"),
      single: row("single", ["all"], "single"),
    };
    const stub = peer.call({ version: 1, methods: rows });
    for (const call of [
      stub.none(),
      stub.three(1),
      stub.three(1, undefined, 3),
      stub.three(),
      stub.named(1),
      stub.named(undefined, 2),
      stub.noneNamed(),
      stub.single({ x: 1 }),
      stub.three(1, 2, 3, { timeout: 1e12 }),
    ])
      call.catch(() => {});
    equal(
      socket.take().map(({ params }) => params),
      [undefined, [1], [1, null, 3], [], { a: 1 }, { b: 2 }, {}, { x: 1 }, [1, 2, 3]],
    );
  },
);

await check("only what is in the table can be called, and no other version is read", async (later) => {
  const { peer, bed } = await open(later);
  for (const key of ["then", "toString", "__proto__", "constructor", Symbol.iterator])
    equal(bed[key], undefined);
  equal((await peer.call(testbed)) === undefined, false);
  const newer = { ...testbed, version: 2 };
  for (const use of [
    () => peer.call(newer),
    () => connect("ws://fake/", { serve: [{ ...newer, implementation: {} }] }),
  ]) {
    const error = await rejection(Promise.resolve().then(use));
    equal([error instanceof TypeError, error.message], [true, "a table of version 2, not 1"]);
  }
});

await check("rubbish is answered, and the sixteenth message in a row closes", async (later) => {
  const { peer, socket } = await open(later, { reconnect: false });
  for (let i = 0; i < 15; i++) await socket.deliver("{");
  await socket.deliver("1");
  for (const text of ["", "{", "nul", "[1", new ArrayBuffer(3), "\u0000"]) await socket.deliver(text);
  for (let i = 0; i < 9; i++) await socket.deliver("x");
  equal(socket.take().length, 31);
  equal(peer.state, "open");
  await socket.deliver("x");
  equal(socket.closes, [[4007, "16 messages in a row were not JSON"]]);
  equal((await peer.closed).code, 1007);
});

await check("messages of every wrong kind end nothing and leave nothing", async (later) => {
  const { peer, bed, socket } = await open(later, page({ title: () => "here" }));
  const call = bed.add(1, 2);
  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  const odd = [
    "null",
    "0",
    "true",
    '"text"',
    "{}",
    "[]",
    "[[]]",
    "[[[]]]",
    "[null,0]",
    '{"jsonrpc":"2.0"}',
    '{"id":1e400}',
    '{"__proto__":{"method":"title"}}',
    '{"jsonrpc":"2.0","method":"__proto__","id":9}',
    '{"jsonrpc":"2.0","method":"constructor","id":9}',
    '{"jsonrpc":"2.0","method":"toString"}',
    '{"jsonrpc":"2.0","id":7,"result":1}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
    '{"id":7,"error":5}',
    '{"result":1}',
    '{"error":null}',
    '{"id":{},"result":1}',
    '{"id":"1","result":"not mine"}',
    `{"id":${deep},"result":1}`,
    `{"jsonrpc":"2.0","method":${deep},"id":1}`,
    `{"jsonrpc":"2.0","id":${deep},"method":"title"}`,
    `{"jsonrpc":"2.0","method":"rpc.item","params":[${deep},1]}`,
    `{"jsonrpc":"2.0","method":"rpc.push","params":[1,${deep}]}`,
    `{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":${deep}}}`,
    `{"jsonrpc":"2.0","method":"title","params":${deep}}`,
    `[${deep}]`,
    `{"jsonrpc":"2.0","method":"x","params":{"a":${deep}}}`,
  ];
  for (const name of [
    "item",
    "more",
    "push",
    "done",
    "want",
    "stop",
    "cancel",
    "allow",
    "progress",
    "later",
    "",
    "__proto__",
    "constructor",
  ]) {
    for (const params of [
      "[]",
      "{}",
      "null",
      "[null]",
      "[1]",
      "[1,1]",
      "[1,2,3,4]",
      '["1",0,-1]',
      "[1,1.5,1e400]",
      '[{"toString":1},{"toString":1}]',
      "[[],[]]",
      '{"id":null}',
      '{"id":[]}',
      "7",
    ]) {
      // Items for a call whose result is none are ignored; this is the id of the call in flight.
      odd.push(`{"jsonrpc":"2.0","method":"rpc.${name}","params":${params}}`);
    }
  }
  for (const text of odd) socket.onmessage({ data: text });
  await settled();
  equal(peer.state, "open");
  socket.take();
  await socket.deliver(request(1, "title"));
  equal(socket.take(), [result(1, "here")]);
  await socket.deliver(result(1, 3));
  equal(await call, 3);
});

await check("replies that are none: the call rejects", async (later) => {
  const { bed, socket } = await open(later);
  const replies = [
    { result: 1, error: { code: 1, message: "both" } },
    {},
    { error: null },
    { error: "no" },
    { error: { code: "1" } },
    { error: { code: 1.5 } },
    { error: [] },
  ];
  for (const [i, reply] of replies.entries()) {
    const call = rejection(bed.add(1, 2));
    await socket.deliver({ id: i + 1, ...reply });
    equal((await call) instanceof TypeError, true, JSON.stringify(reply));
  }
  const odd = rejection(bed.add(1, 2));
  await socket.deliver({ id: replies.length + 1, error: { code: 3, message: { toString: 1 } } });
  equal((await odd).message, "");
  const old = bed.add(1, 2);
  await socket.deliver({ id: replies.length + 2, result: 4, error: null });
  equal(await old, 4);
  equal(
    socket.take().some((message) => !message.method),
    false,
  );
});

await check("a batch of the peer: each kind of element, one array, and none for nothing", async (later) => {
  const said = [];
  const { socket } = await open(
    later,
    page({ title: async () => "here", said: (line) => void said.push(line) }),
  );
  await socket.deliver([
    request(1, "title"),
    notification("said", ["a"]),
    7,
    { id: 5, result: 1 },
    request(2, "nowhere"),
  ]);
  const [replies, ...more] = socket.take();
  equal([replies.map((reply) => reply.id), more, said], [[null, 2, 1], [], ["a"]]);
  await socket.deliver([notification("said", ["b"]), { id: 5, result: 1 }]);
  await socket.deliver(Array(257).fill(notification("said", ["c"])));
  equal(
    socket.take().map((reply) => [reply.id, reply.error.code]),
    [[null, -32600]],
  );
  equal(said, ["a", "b"]);
});

await check("what a handler throws is told only if it is an RpcError", async (later) => {
  const { socket } = await open(
    later,
    page({
      title() {
        throw new TypeError("secret");
      },
      own_error: async () => {
        throw new RpcError(5, "mine", { a: 1 });
      },
      double_it: () => 1n,
      options: (a, b) => [a, b === undefined],
      whole: (all) => all,
    }),
  );
  await socket.deliver(request(1, "title"));
  await socket.deliver(request(2, "own_error"));
  await socket.deliver(request(3, "double_it", [1]));
  await socket.deliver(request(4, "options", [1]));
  await socket.deliver(request(5, "options", { a: 1, z: 2 }));
  await socket.deliver(request(6, "options", {}));
  await socket.deliver(request(7, "options", [1, 2, 3]));
  await socket.deliver(request(8, "whole", { x: 1 }));
  await socket.deliver(request(9, "confirm", ["not there"]));
  const internal = { code: -32603, message: "Internal error", data: { kind: "internal_error" } };
  const [one, two, three, four, five, six, seven, eight, nine] = socket.take();
  equal(
    [one.error, two.error, three.error],
    [internal, { code: 5, message: "mine", data: { a: 1 } }, internal],
  );
  equal(
    [four.result, five.result, six.error.code, seven.error.code, eight.result],
    [[1, true], [1, true], -32602, -32602, { x: 1 }],
  );
  equal(nine.error.code < -32600, true);
});

await check("a request is cancelled: its signal is aborted, and it is answered once", async (later) => {
  const reasons = [];
  const { socket } = await open(
    later,
    page({
      wait: ({ signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => (reasons.push(signal.reason.code), resolve("late"))),
        ),
    }),
  );
  await socket.deliver(request("a", "wait"));
  await socket.deliver(request("a", "wait"));
  equal(
    socket.take().map((reply) => reply.error.code),
    [-32600],
  );
  await socket.deliver({ jsonrpc: "2.0", method: "rpc.cancel", params: { id: "a" } });
  equal(
    socket.take().map((reply) => [reply.id, reply.error.code]),
    [["a", -32800]],
  );
  equal(reasons, [-32800]);
});

await check(
  "progress: reports before the result, only if they are wanted; the newest of many",
  async (later) => {
    const { bed, peer, socket } = await open(
      later,
      page({
        async work(n, { progress }) {
          for (let i = 1; i <= n; i++) progress(i);
          await null;
          progress("end");
          return "done";
        },
      }),
    );
    await socket.deliver(request(1, "work", [1000], { progress: true }));
    const sent = socket.take();
    equal(sent.at(-1), result(1, "done"));
    equal(sent.at(-2), word("progress", 1, "end"));
    equal(sent.length <= 4, true, `${sent.length} messages`);
    await socket.deliver(request(2, "work", [3]));
    await socket.deliver(request(3, "work", [3], { progress: 1 }));
    equal(
      socket.take().map((message) => message.result),
      ["done", "done"],
    );

    const heard = [];
    const stub = peer.call({ version: 1, methods: { build: { name: "build", params: [], progress: true } } });
    const call = stub.build({ onprogress: (value) => heard.push(value) });
    equal(socket.take()[0].progress, true);
    for (const params of [[1, "a"], [1, { b: 1 }], [2, "not mine"], [], [1], [1, 2, 3]])
      await socket.deliver(word("progress", ...params));
    await socket.deliver(result(1, "built"));
    await socket.deliver(word("progress", 1, "late"));
    equal([await call, heard], ["built", ["a", { b: 1 }]]);
    bed.add(1, 2).catch(() => {});
    equal("progress" in socket.take()[0], false);
  },
);

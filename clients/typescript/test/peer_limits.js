// Credit for notifications, limits, peers of plain JSON-RPC, and what is left of many calls.

import { ClosedError, RpcError } from "../dist/index.js";
import { notification, open, page, request, result, word } from "./fake.js";
import { check, collect, equal, rejection, settled, until } from "./harness.js";

await check(
  "notifications need credit, calls pass those that wait, and a full queue refuses",
  async (later) => {
    const { bed, socket } = await open(later, { queue: 10 });
    const sent = [];
    for (let i = 0; i < 1024; i++) bed.log("x").then(() => sent.push(i));
    const waiting = bed.log("waits").then(() => sent.push("waits"));
    bed.add(1, 2).catch(() => {});
    await settled();
    equal([socket.take().length, sent.length], [1025, 1024]);
    for (let i = 0; i < 9; i++) bed.log("waits too");
    const refused = await rejection(bed.log("too many"));
    equal([refused instanceof ClosedError, refused.sent], [true, false]);
    for (const bad of [[], [1], ["a", "b"], [-1, -1], [1025], [1024, 1e9], [1.5, 1e9]])
      await socket.deliver(word("allow", ...bad));
    equal(socket.take(), []);
    await socket.deliver(word("allow", 1026, 1e9));
    await waiting;
    equal(
      socket.take().map((message) => message.params),
      [["waits"], ["waits too"]],
    );
  },
);

await check("notifications of the peer give credit, and one without credit closes", async (later) => {
  const { peer, socket } = await open(later, { reconnect: false, ...page({ said: () => {} }) });
  for (let i = 0; i < 512; i++) socket.onmessage({ data: JSON.stringify(notification("said", ["é"])) });
  await settled();
  const size = new TextEncoder().encode(JSON.stringify(notification("said", ["é"]))).length;
  equal(socket.take(), [word("allow", 1536, 1_048_576 + 512 * size)]);
  for (let i = 0; i < 3000; i++) socket.onmessage({ data: JSON.stringify(notification("rpc.later", [])) });
  equal([socket.take(), peer.state], [[], "open"]);
});

await check(
  "handlers that never end hold the credit of notifications, and calls past the bound are refused",
  async (later) => {
    const { peer, socket } = await open(later, {
      reconnect: false,
      ...page({ said: () => new Promise(() => {}), title: () => 1 }),
    });
    for (let i = 0; i < 10_000; i++)
      socket.onmessage?.({ data: JSON.stringify(notification("said", ["x"])) });
    await settled();
    equal((await peer.closed).code, 1008);
    equal(socket.closes[0][0], 4008);
    const other = await open(later, page({ wait: () => new Promise(() => {}) }));
    for (let i = 0; i < 5000; i++) other.socket.onmessage({ data: JSON.stringify(request(i, "wait")) });
    await settled();
    const replies = other.socket.take();
    equal([replies.length, replies[0].error.code, replies[0].error.data.served], [904, -32005, false]);
  },
);

await check("a flood of notifications of a plain peer runs a bounded number of handlers", async (later) => {
  let running = 0;
  const { peer, socket } = await open(
    later,
    page({ said: () => (running++, new Promise(() => {})) }),
    "jsonrpc",
  );
  for (let i = 0; i < 10_000; i++) socket.onmessage({ data: JSON.stringify(notification("said", ["x"])) });
  await settled();
  equal([running, peer.state], [4096, "open"]);
});

await check("a peer of plain JSON-RPC gets nothing of birpc's own", async (later) => {
  const { bed, socket } = await open(
    later,
    page({ feed: () => [], wait: () => new Promise(() => {}) }),
    "jsonrpc",
  );
  equal((await collect(bed.count(0, 1))).error instanceof TypeError, true);
  equal((await rejection(bed.sum([1]))) instanceof TypeError, true);
  equal((await rejection(bed.add(1, 2, { timeout: 5 }))).name, "TimeoutError");
  for (let i = 0; i < 3000; i++) bed.log("x");
  equal(new Set(socket.take().map((message) => message.method)), new Set(["add", "log"]));
  await socket.deliver(request(1, "feed", [1], { stream: [1, 1] }));
  await socket.deliver(request(2, "wait"));
  await socket.deliver(notification("rpc.cancel", { id: 2 }));
  await socket.deliver(request(3, "rpc.ping"));
  equal(
    socket.take().map((message) => [message.id, message.error.code]),
    [
      [1, -32600],
      [3, -32601],
    ],
  );
});

await check(
  "messages over the limit: a call and an item fail, a reply becomes an error, the rest goes on",
  async (later) => {
    const { bed, socket } = await open(later, {
      maxMessage: 1000,
      ...page({ title: () => "x".repeat(2000), feed: () => ["a", "x".repeat(2000)] }),
    });
    equal((await rejection(bed.echo("x".repeat(2000)))) instanceof RangeError, true);
    equal((await rejection(bed.log("x".repeat(2000)))) instanceof RangeError, true);
    equal((await rejection(bed.echo(1n))) instanceof TypeError, true);
    equal(socket.take(), []);
    await socket.deliver(request(1, "title"));
    await socket.deliver(request(2, "feed", [2], { stream: [64, 1e5] }));
    const sent = await until(() => socket.sent.at(-1).includes("error") && socket.sent[2] && socket.take());
    equal([sent[0].error.code, sent[1], sent[2].error.code], [-32603, word("item", 2, "a"), -32603]);
  },
);

await check("nothing is left of 10 000 calls, streams and cancels", async (later) => {
  const { bed, socket } = await open(later, page({ feed: (n) => Array(n).fill(0), title: () => 1 }));
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...all) => (listeners++, add(...all));
  signal.removeEventListener = (...all) => (listeners--, remove(...all));
  for (let i = 0; i < 10_000; i++) {
    const call = bed.add(i, 1, { signal, timeout: 60_000 });
    const { id } = JSON.parse(socket.sent.at(-1));
    socket.onmessage({ data: JSON.stringify(result(id, i)) });
    equal(await call, i);
    if (i % 10) continue;
    const stream = bed.endless({ signal });
    const first = stream.next();
    const opened = JSON.parse(socket.sent.at(-1)).id;
    socket.onmessage({ data: JSON.stringify(word("item", opened, 0)) });
    await first;
    await stream.return();
    socket.onmessage({ data: JSON.stringify(request(`r${i}`, "feed", [2], { stream: [64, 1000] })) });
    socket.sent.length = 0;
  }
  equal(listeners, 0, "listeners on the signal");
});

await check("notifications that cannot be sent take no credit", async (later) => {
  const { peer, bed, socket } = await open(later);
  equal((await rejection(bed.log("x".repeat(2 ** 20)))) instanceof RangeError, true);
  for (let i = 0; i < 4; i++) {
    const batch = peer.batch(() => Array.from({ length: 257 }, () => bed.log("x")));
    equal((await rejection(batch)) instanceof RangeError, true);
  }
  for (let i = 0; i < 1024; i++) await bed.log("x");
  equal(socket.take().length, 1024);
});

await check("items that fit are sent in as many messages as they need", async (later) => {
  const { bed, socket } = await open(later, { maxMessage: 1000 });
  bed.sum(Array(100).fill("x".repeat(20))).catch(() => {});
  await socket.deliver(word("want", 1, 0, 200, 1e6));
  const sent = await until(() => socket.sent.at(-1).includes("rpc.done") && socket.take());
  equal(sent.flatMap(({ method, params }) => (method == "rpc.push" ? params.slice(2) : [])).length, 100);
  equal(sent.at(-1), word("done", 1, 0));
});

await check("items that cannot be sent, of a source that fails afterwards", async (later) => {
  let fail;
  const feed = async function* () {
    yield 1;
    await new Promise((_, reject) => (fail = reject));
  };
  const { socket } = await open(later, { maxMessage: 1000, ...page({ feed }) });
  // With this id no message with an item fits.
  await socket.deliver(request("x".repeat(1000), "feed", [1], { stream: [64, 1e5] }));
  equal(socket.take().at(-1).error.code, -32603);
  fail(new Error("the source"));
  await settled();
});

await check("errors and reports over the limit: an error without its text, and no report", async (later) => {
  const large = () => {
    throw new RpcError(5, "mine", "x".repeat(2000));
  };
  const { bed, socket } = await open(later, {
    maxMessage: 1000,
    ...page({
      title: large,
      feed: large,
      async work(n, { progress }) {
        progress("x".repeat(n));
        await settled();
        progress("small");
        await settled();
        return "done";
      },
    }),
  });
  await socket.deliver(request(1, "title"));
  await socket.deliver(request(2, "feed", [2], { stream: [64, 1e5] }));
  equal(
    socket.take().map(({ id, error }) => [id, error.code]),
    [
      [1, -32603],
      [2, -32603],
    ],
  );
  await socket.deliver(request(3, "work", [2000], { progress: true }));
  await settled();
  await settled();
  equal(socket.take(), [word("progress", 3, "small"), result(3, "done")]);
  const sources = [
    function* () {
      yield large();
    },
    function* () {
      throw new RpcError(1n, "no JSON");
    },
  ];
  for (const source of sources) {
    bed.sum(source()).catch(() => {});
    await settled();
    equal(socket.take().at(-1).params[2].code, -32603);
  }
});

// What a peer may do to streams, on a socket of the test's own: credit, excess, and words after the end.

import { RpcError } from "../dist/index.js";
import { failure, notification, open, page, request, result, word } from "./fake.js";
import { check, collect, equal, rejection, settled, sleep, until } from "./harness.js";

await check("a result that is a stream: credit, order, and words after the end", async (later) => {
  const { bed, socket } = await open(later);
  const stream = bed.count(0, 200);
  equal(socket.take(), [], "nobody reads yet");
  const first = stream.next();
  equal(socket.take(), [request(1, "count", [0, 200], { stream: [64, 262144] })]);
  await socket.deliver(word("item", 1));
  await socket.deliver(word("item", 1, ...Array.from({ length: 64 }, (_, i) => i)));
  equal((await first).value, 0);
  equal(socket.take(), []);
  for (let i = 1; i < 32; i++) equal((await stream.next()).value, i);
  equal(
    socket.take().map((message) => [message.method, message.params.slice(0, 2)]),
    [["rpc.more", [1, 96]]],
  );
  for (let i = 32; i < 64; i++) equal((await stream.next()).value, i);
  const waiting = [stream.next(), stream.next()];
  await socket.deliver(word("item", 1, "a"));
  await socket.deliver(word("item", 1, "b"));
  equal(
    (await Promise.all(waiting)).map((step) => step.value),
    ["a", "b"],
  );
  await socket.deliver(word("item", 1, "last"));
  await socket.deliver(result(1));
  for (const late of [word("item", 1, "late"), result(1), failure(1, 5)]) await socket.deliver(late);
  socket.take();
  equal(await stream.next(), { done: false, value: "last" });
  equal(await stream.next(), { done: true, value: undefined });
  equal(await stream.next(), { done: true, value: undefined });
  equal(await stream.return(), { done: true, value: undefined });
  equal(socket.take(), []);
});

await check(
  "more items than were granted: the stream is refused and the call cancelled, others go on",
  async (later) => {
    const { bed, socket } = await open(later);
    const read = collect(bed.count(0, 1000));
    const other = bed.add(1, 2);
    socket.take();
    await socket.deliver(word("item", 1, ...Array(65).fill(0)));
    equal((await read).error.code, -32600);
    equal(socket.take(), [notification("rpc.cancel", { id: 1 })]);
    await socket.deliver(word("item", 1, ...Array(100_000).fill(0)));
    await socket.deliver(result(2, 3));
    equal(await other, 3);
  },
);

await check("a stream that is left, aborted, or late tells the peer at once", async (later) => {
  const { bed, socket } = await open(later);
  const left = bed.endless();
  const pending = left.next();
  equal(await left.return(), { done: true, value: undefined });
  equal(await pending, { done: true, value: undefined });
  equal(
    socket.take().map((message) => message.method),
    ["endless", "rpc.cancel"],
  );
  const controller = new AbortController();
  const aborted = collect(bed.endless({ signal: controller.signal }));
  await socket.deliver(word("item", 2, 0, 1, 2));
  controller.abort("why");
  equal((await aborted).error, "why");
  equal((await collect(bed.endless({ timeout: 10 }))).error.name, "TimeoutError");
  equal(
    socket.take().map((message) => message.method),
    ["endless", "rpc.cancel", "endless", "rpc.cancel"],
  );
  const slow = bed.endless({ timeout: 10 });
  const first = slow.next();
  await socket.deliver(word("item", 4));
  await sleep(30);
  await socket.deliver(word("item", 4, "in time"));
  equal((await first).value, "in time");
  await slow.return();
  equal((await collect(bed.endless({ signal: AbortSignal.abort("before") }))).error, "before");
  const never = bed.endless();
  await never.return();
  equal(socket.take().length, 2, "a stream that nobody reads is not asked for");
});

await check("an argument that is a stream: its fixed credit, more, a stop and the end", async (later) => {
  const { bed, socket } = await open(later);
  let ended = 0;
  const source = async function* (n) {
    try {
      for (let i = 0; i < n; i++) yield i;
    } finally {
      ended++;
    }
  };
  const items = () =>
    socket
      .take()
      .filter((message) => message.method == "rpc.push")
      .flatMap((message) => message.params.slice(2));
  const call = bed.sum(source(100));
  await settled();
  const [message, ...pushed] = socket.take();
  equal(message, request(1, "sum", [{ stream: 0 }]));
  equal(pushed.flatMap((push) => push.params.slice(2)).length, 16);
  for (const bad of [
    [1, 0, 17],
    [1, 0, -17, 1e6],
    [1, 0, "17", 1e6],
    [1, 1, 99, 1e6],
    [2, 0, 99, 1e6],
    ["1", 0, 99, 1e6],
  ]) {
    await socket.deliver(word("want", ...bad));
  }
  equal(items(), []);
  await socket.deliver(word("want", 1, 0, 18, 1e6));
  equal(items(), [16, 17]);
  await socket.deliver(word("want", 1, 0, 5, 99999999999999999999));
  equal(items(), []);
  await socket.deliver(word("stop", 1, 0));
  equal([ended, socket.take()], [1, []]);
  await socket.deliver(result(1, 5));
  equal(await call, 5);

  const short = rejection(bed.sum(["é".repeat(9000), 1]));
  await settled();
  equal(
    socket
      .take()
      .slice(1)
      .map((message) => [message.method, message.params.length]),
    [["rpc.push", 3]],
    "bytes of UTF-8",
  );
  await socket.deliver(word("want", 2, 0, 64, 20_000));
  equal(socket.take(), [word("push", 2, 0, 1), word("done", 2, 0)]);
  await socket.deliver(failure(2, 9, "no"));
  equal((await short).code, 9);

  for (const [thrown, code] of [
    [new RpcError(5, "mine"), 5],
    [new Error("secret"), -32603],
  ]) {
    const failing = bed.sum(
      (async function* () {
        yield 1;
        throw thrown;
      })(),
    );
    failing.catch(() => {});
    await settled();
    const [, push, done] = socket.take();
    equal([push.params.slice(2), done.method, done.params[2].code], [[1], "rpc.done", code]);
    equal(JSON.stringify(done).includes("secret"), false);
  }
});

await check("a source that is slow, endless, or no source at all", async (later) => {
  const { bed, socket } = await open(later);
  let tell;
  let returned = 0;
  const slow = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise((resolve) => (tell = resolve)),
      return: () => (returned++, Promise.resolve({})),
    }),
  };
  bed.sum(slow).catch(() => {});
  await settled();
  tell({ value: 1 });
  await settled();
  equal(socket.take().at(-1), word("push", 1, 0, 1));
  await socket.deliver(failure(1, 1));
  equal(returned > 0, true, "it is ended although it is awaited");
  for (const none of [undefined, null, 5, {}]) {
    bed.sum(none).catch(() => {});
    await settled();
    equal(socket.take().at(-1).params[2].code, -32603);
  }
  // With endless credit the program still has its turns, and memory has a bound.
  socket.bufferedAmount = 1e6;
  const call = bed.sum(
    (function* () {
      for (;;) yield "x".repeat(1000);
    })(),
  );
  call.catch(() => {});
  await socket.deliver(word("want", 6, 0, 2 ** 64, 2 ** 64));
  await sleep(50);
  equal(socket.sent.join().length < 300_000, true, `${socket.sent.join().length} bytes`);
});

await check("a source may be a ReadableStream, and hears when the peer has enough", async (later) => {
  const { bed, socket } = await open(later);
  let next = 0;
  let enough = 0;
  const source = new ReadableStream({
    pull: (controller) => controller.enqueue(next++),
    cancel: () => void enough++,
  });
  bed.sum(source).catch(() => {});
  const items = await until(() => {
    const pushes = socket.sent.slice(1).flatMap((text) => JSON.parse(text).params.slice(2));
    return pushes.length == 16 && pushes;
  });
  equal(
    items,
    Array.from({ length: 16 }, (_, i) => i),
  );
  socket.take();
  await socket.deliver(word("stop", 1, 0));
  equal([enough, socket.take()], [1, []]);
});

await check("served streams: results with credit, arguments, and both", async (later) => {
  const ended = [];
  const { socket } = await open(
    later,
    page({
      async *endless_feed() {
        try {
          for (let i = 0; ; i++) yield i;
        } finally {
          ended.push("feed");
        }
      },
      feed: (n) => (n < 0 ? "nothing to iterate".length : Array.from({ length: n }, (_, i) => i)),
      async total(numbers) {
        let total = 0;
        for await (const n of numbers) total += n;
        return total;
      },
      async some(numbers) {
        for await (const n of numbers) return n;
      },
      async *twice(numbers) {
        for await (const n of numbers) yield 2 * n;
      },
    }),
  );
  const items = () => socket.take().flatMap((message) => message.params.slice(1));
  await socket.deliver(request(1, "endless_feed", [], { stream: [3, 1000] }));
  equal(items(), [0, 1, 2]);
  await socket.deliver(word("more", 1, 5, 1000));
  equal(items(), [3, 4]);
  await socket.deliver({ jsonrpc: "2.0", method: "rpc.cancel", params: { id: 1 } });
  await settled();
  equal([socket.take().map((message) => message.error.code), ended], [[-32800], ["feed"]]);
  await socket.deliver(request(2, "feed", [-1], { stream: [3, 1000] }));
  equal(
    socket.take().map((message) => message.error?.code),
    [-32603],
  );

  await socket.deliver(request(3, "total", [{ stream: 9 }]));
  equal(socket.take(), [word("want", 3, 9, 64, 262144)]);
  await socket.deliver(word("push", 3, 9, 1, 2));
  await socket.deliver(word("push", 3, 8, 100));
  await socket.deliver(word("done", 3, 9));
  await socket.deliver(word("push", 3, 9, 100));
  equal(socket.take(), [result(3, 3)]);
  await socket.deliver(request(4, "total", [{ stream: 0 }]));
  await socket.deliver(word("push", 4, 0, ...Array(65).fill(1)));
  equal(
    socket.take().map((message) => message.error?.code),
    [undefined, -32600],
  );
  await socket.deliver(request(5, "some", [{ stream: 0 }]));
  await socket.deliver(word("push", 5, 0, 7, 8));
  equal(socket.take().slice(1), [word("stop", 5, 0), result(5, 7)]);
  await socket.deliver(request(6, "twice", [{ stream: 0 }], { stream: [64, 1e5] }));
  await socket.deliver(word("push", 6, 0, 1, 2));
  equal(
    socket.take().flatMap((message) => (message.method == "rpc.item" ? message.params.slice(1) : [])),
    [2, 4],
  );
  await socket.deliver(word("done", 6, 0, { code: 3, message: "broken" }));
  equal(
    socket.take().map((message) => message.error.code),
    [3],
  );
  for (const bad of [
    [],
    ["x"],
    [{ stream: -1 }],
    [{ stream: 0, more: 1 }],
    [{ stream: 65_536 }],
    [[0]],
    [null],
  ]) {
    await socket.deliver(request(7, "total", bad));
  }
  equal(
    socket.take().map((message) => message.error.code),
    Array(7).fill(-32602),
  );
});

await check("nothing is left of a request whose streams have one number", async (later) => {
  const both = { name: "both", params: ["a", "b"], streams: [0, 1] };
  const serve = [{ version: 1, methods: { both }, implementation: { both: () => "served" } }];
  const { socket } = await open(later, { serve });
  await socket.deliver(request(1, "both", [{ stream: 1 }, { stream: 1 }]));
  await socket.deliver(word("push", 1, 1, ...Array(100).fill(0)));
  equal(
    socket.take().map((message) => message.error.code),
    [-32602],
  );
  await socket.deliver(request(1, "both", [{ stream: 1 }, { stream: 2 }]));
  equal(socket.take(), [result(1, "served")]);
});

await check("items of a result that is no stream are ignored, and do not end its timeout", async (later) => {
  const { bed, socket } = await open(later);
  const call = rejection(bed.sleep(1, { timeout: 20 }));
  await socket.deliver(word("item", 1, 1, 2, 3));
  equal((await call).name, "TimeoutError");
});

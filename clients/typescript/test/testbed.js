// The testbed's methods over a real socket, each row of its table, both ways.

import { ClosedError, RpcError, connect } from "../dist/index.js";
import { WebSocket, check, collect, equal, rejection, setting, sleep, until } from "./harness.js";
import { named, served, testbed } from "./tables.js";

const url = setting("TESTBED");

/** A peer, its stub, and what it heard. */
function start(later, options) {
  const heard = [];
  const ends = [];
  const page = served({
    title: () => "a page",
    double_it: async (n) => 2 * n,
    said: (line) => void heard.push(line),
    async *feed(n) {
      for (let i = 0; i < n; i++) yield i;
    },
    async *feed_then_fail(n) {
      for (let i = 0; i < n; i++) yield i;
      throw new RpcError(7, `after ${n}`, { n });
    },
    async *endless_feed() {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        ends.push("endless_feed");
      }
    },
    no_feed() {
      throw new RpcError(8, "no");
    },
    async total(numbers) {
      let total = 0;
      for await (const n of numbers) total += n;
      return total;
    },
    async some(numbers) {
      const taken = [];
      for await (const n of numbers) if (taken.push(n) == 2) break;
      return taken;
    },
    async *twice(numbers) {
      for await (const n of numbers) yield 2 * n;
    },
    back: (n, { peer }) => peer.call(testbed).add(n, 1),
    broken() {
      throw new Error("secret");
    },
    async work(n, { progress }) {
      for (let done = 1; done <= n; done++) {
        progress({ done, total: n });
        await sleep(5);
      }
      return "worked";
    },
    wait: (_context) => new Promise(() => {}),
  });
  const peer = connect(url, { WebSocket, serve: [page], ...options });
  later(() => peer.close());
  return { peer, bed: peer.call(testbed), heard, ends };
}

/** Waits until no stream of the connection lives. */
const none = (bed) => until(async () => ((s) => !s.producing && !s.consuming)(await bed.streams()));

await check("calls by position and by name, made before the connection is open", async (later) => {
  const { peer, bed } = start(later);
  equal(peer.state, "connecting");
  equal(await bed.add(2, 3), 5);
  equal(peer.state, "open");
  equal(peer.protocol, "birpc.v1");
  equal(await peer.call(named).add(2, -3), -1);
  for (const value of [null, true, 0, -1.5, "é🦀", [], {}, [[]], { a: [null] }])
    equal(await bed.echo(value), value);
});

await check("errors have their code, message and data", async (later) => {
  const { bed } = start(later);
  const error = await rejection(bed.fail(5, "no", { why: [1] }));
  equal(error instanceof RpcError, true);
  equal([error.code, error.message, error.data], [5, "no", { why: [1] }]);
  equal((await rejection(bed.fail(6, "bare"))).data, undefined);
  equal((await rejection(bed.nowhere())).data, { kind: "method_not_found", method: "nowhere" });
  equal((await rejection(bed.panic())).data.kind, "internal_error");
  equal((await rejection(bed.add("1"))).code, -32602);
});

await check("area and nap: a type with variants, and an error with data", async (later) => {
  const { bed } = start(later);
  equal(await bed.area({ kind: "rect", w: 2, h: 3 }), 6);
  const error = await rejection(bed.area({ kind: "circle", r: -1 }));
  equal([error.code, error.data], [10, { field: "r" }]);
  equal(await bed.nap(1), 1);
});

await check("a timeout and a signal end a call, and the peer hears of it", async (later) => {
  const { bed } = start(later);
  equal((await rejection(bed.sleep(60_000, { timeout: 50 }))).name, "TimeoutError");
  const controller = new AbortController();
  const call = rejection(bed.sleep(60_000, { signal: controller.signal }));
  controller.abort("why");
  equal(await call, "why");
  equal(await rejection(bed.add(1, 2, { signal: AbortSignal.abort("before") })), "before");
  equal(await bed.add(1, 2, { timeout: 20_000, signal: new AbortController().signal }), 3);
});

await check("a batch", async (later) => {
  const { peer, bed } = start(later);
  equal(await peer.batch(() => [bed.add(1, 2), bed.log("a"), bed.add(3, 4)]), [3, undefined, 7]);
  equal(await bed.logged(), ["a"]);
  equal((await rejection(peer.batch(() => [bed.add(1, 2), bed.fail(4, "no")]))).code, 4);
  equal(await peer.batch(() => []), []);
});

await check("the peer calls back, three deep", async (later) => {
  const { bed } = start(later);
  equal(await bed.relay("double_it", [21]), 42);
  equal(await bed.relay("back", [1]), 2);
  const error = await rejection(bed.relay("broken", []));
  equal(JSON.stringify([error.message, error.data]).includes("secret"), false);
});

await check("count: its items in order, and an empty one", async (later) => {
  const { bed } = start(later);
  equal((await collect(bed.count(3, 8))).items, [3, 4, 5, 6, 7]);
  equal((await collect(bed.count(0, 3, 20))).items, [0, 1, 2]);
  equal(await collect(bed.count(0, 0)), { items: [] });
  equal((await collect(bed.count(0, 1000))).items.length, 1000);
});

await check("endless: leaving the loop stops it at the peer", async (later) => {
  const { bed } = start(later);
  let expected = 0;
  for await (const n of bed.endless()) {
    equal(n, expected++);
    if (expected == 1000) break;
  }
  await none(bed);
});

await check("a signal ends a stream, which is thrown", async (later) => {
  const { bed } = start(later);
  const controller = new AbortController();
  const read = collect(bed.count(0, 10, 60_000, { signal: controller.signal }));
  await sleep(50);
  controller.abort("enough");
  equal((await read).error, "enough");
  await none(bed);
});

await check("big: items over the window", async (later) => {
  const { bed } = start(later);
  const { items } = await collect(bed.big(300_000, 5));
  equal(
    items.map((item) => item.length),
    Array(5).fill(300_000),
  );
});

await check(
  "fail_after, panic_after and refuse: an end that failed is thrown behind the items",
  async (later) => {
    const { bed } = start(later);
    for (const n of [0, 3]) {
      const { items, error } = await collect(bed.fail_after(n));
      equal([items.length, error.code, error.message, error.data], [n, 7, `after ${n}`, { n }]);
      const panicked = await collect(bed.panic_after(n));
      equal([panicked.items.length, panicked.error.code], [n, -32603]);
    }
    const refused = await collect(bed.refuse());
    equal([refused.items, refused.error.code], [[], 8]);
  },
);

await check("sum: arrays, generators, one of 10 000, an empty one, and one that fails", async (later) => {
  const { bed } = start(later);
  equal(await bed.sum([1, 2, 3]), 6);
  equal(await bed.sum([]), 0);
  equal(await bed.sum(Array.from({ length: 10_000 }, (_, i) => i)), 49_995_000);
  const failing = async function* () {
    yield 1;
    throw new RpcError(5, "broken");
  };
  equal((await rejection(bed.sum(failing()))).code, 9);
  equal((await rejection(bed.sum(7))).code, 9);
  await none(bed);
});

await check("first: the source ends when the peer has enough, and the call goes on", async (later) => {
  const { bed } = start(later);
  let ended = false;
  const source = async function* () {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      ended = true;
    }
  };
  const call = bed.first(3, source(), 200);
  await until(() => ended);
  equal(await call, [0, 1, 2]);
});

await check("never_read: a cancel ends the source", async (later) => {
  const { bed } = start(later);
  let produced = 0;
  let ended = false;
  const source = async function* () {
    try {
      for (;;) yield produced++;
    } finally {
      ended = true;
    }
  };
  const call = rejection(bed.never_read(source(), { timeout: 200 }));
  equal((await call).name, "TimeoutError");
  await until(() => ended);
  equal(produced, 17);
  await none(bed);
});

await check("double: both at once", async (later) => {
  const { bed } = start(later);
  const { items } = await collect(bed.double(Array.from({ length: 500 }, (_, i) => i)));
  equal(
    items,
    Array.from({ length: 500 }, (_, i) => 2 * i),
  );
  await none(bed);
});

await check("measure: bytes of UTF-8 are counted, so long items pass", async (later) => {
  const { bed } = start(later);
  equal(await bed.measure(["é", "a".repeat(20_000), "🦀".repeat(10_000)]), [2, 20_000, 40_000]);
});

await check("pull: the peer takes this side's streams", async (later) => {
  const { bed, ends } = start(later);
  equal((await bed.pull("feed", [1000])).items.length, 1000);
  equal(await bed.pull("feed", [0]), { items: [], end: "complete" });
  equal(await bed.pull("feed_then_fail", [2]), {
    items: [0, 1],
    end: { error: { code: 7, message: "after 2" } },
  });
  equal(await bed.pull("no_feed", []), { items: [], end: { error: { code: 8, message: "no" } } });
  equal(await bed.pull("endless_feed", [], 5), { items: [0, 1, 2, 3, 4], end: "dropped" });
  await until(() => ends.length);
});

await check("push: the peer sends this side streams", async (later) => {
  const { bed } = start(later);
  equal(await bed.push("total", 1000), 499_500);
  equal(await bed.push("total", 0), 0);
  equal(await bed.push("some", 1000), [0, 1]);
  await none(bed);
});

await check("build and build_by: progress both ways", async (later) => {
  const { bed } = start(later);
  const heard = [];
  equal(await bed.build(3, 20, { onprogress: (report) => heard.push(report) }), "built");
  equal(heard.at(-1), { done: 3, total: 3 });
  equal(
    heard.map((report) => report.done).sort(),
    heard.map((report) => report.done),
    "in order",
  );
  equal(await bed.build(2, 0), "built");
  const { reports, result } = await bed.build_by("work", 3);
  equal([reports.at(-1), result], [{ done: 3, total: 3 }, "worked"]);
});

await check("notifications wait for credit both ways, and none is lost", async (later) => {
  const { bed, heard } = start(later);
  equal((await bed.shout("said", 3000)) !== undefined && heard.length, 3000);
  for (let i = 0; i < 3000; i++) await bed.log(`${i}`);
  equal((await bed.logged()).length, 3000);
  await Promise.all(Array.from({ length: 150 }, (_, i) => bed.slow_log(`${i}`)));
  equal(await bed.dropped(), 0);
});

await check("a stalled stream beside calls", async (later) => {
  const { bed } = start(later);
  const stalled = bed.endless();
  equal((await stalled.next()).value, 0);
  for (let i = 0; i < 200; i++) equal(await bed.add(i, 1), i + 1);
  await stalled.return();
  await none(bed);
});

await check("10^5 items each way, in flat memory", async (later) => {
  const { bed } = start(later);
  const memory = globalThis.process?.memoryUsage;
  const before = memory?.().heapUsed;
  let items = 0;
  for await (const _ of bed.count(0, 100_000)) items++;
  equal(items, 100_000);
  const source = function* () {
    for (let i = 0; i < 100_000; i++) yield 1;
  };
  equal(await bed.sum(source()), 100_000);
  if (memory) equal(memory().heapUsed - before < 50e6, true, `${memory().heapUsed - before} bytes more`);
  await none(bed);
});

await check("what is in flight when the connection ends rejects with how it ended", async (later) => {
  const { peer, bed } = start(later, { reconnect: false });
  const sleeping = rejection(bed.sleep(60_000));
  const reading = collect(bed.count(0, 10, 60_000));
  await bed.add(1, 2);
  peer.close(4001, "bye");
  const error = await sleeping;
  equal([error instanceof ClosedError, error.sent, error.close], [true, true, { code: 4001, reason: "bye" }]);
  equal((await reading).error instanceof ClosedError, true);
  equal(await peer.closed, { code: 4001, reason: "bye" });
  equal((await rejection(bed.add(1, 2))).sent, false);
});

await check("without a server a client waits, or is closed if it does not reconnect", async (later) => {
  const { peer, bed } = start(later, { reconnect: false, ...{} });
  await bed.add(1, 2);
  const lost = connect(url.replace(/:\d+/, ":1"), { WebSocket, reconnect: false });
  equal((await lost.closed).code, 1006);
  const waiting = connect(url.replace(/:\d+/, ":1"), { WebSocket });
  later(() => waiting.close());
  await until(() => waiting.state == "waiting");
  equal((await rejection(waiting.call(testbed).add(1, 2, { timeout: 50 }))).name, "TimeoutError");
  waiting.close();
  equal(waiting.state, "closed");
  equal((await waiting.closed).code, 1000);
  equal(peer.state, "open");
});

// The connections of a client one after another: when another follows, what becomes of calls, and the
// heartbeat.

import { ClosedError, connect } from "../dist/index.js";
import { fakeSockets, request, result, word } from "./fake.js";
import { check, collect, equal, rejection, settled, sleep, until } from "./harness.js";
import { served, testbed } from "./tables.js";

const quick = { reconnect: { first: 1, most: 1 } };
const idempotent = { version: 1, methods: { nap: { name: "nap", params: ["ms"], idempotent: true } } };

/** A client whose sockets are the test's. */
async function start(later, options, url = "ws://fake/") {
  const { FakeSocket, made, last } = fakeSockets();
  const peer = connect(url, { WebSocket: FakeSocket, ...quick, ...options });
  later(() => peer.close());
  await settled();
  /** Waits for the next socket, and opens it. */
  const next = async (count = made.length + 1) => {
    await until(() => made.length >= count);
    void last().open();
    await settled();
    return last();
  };
  return { peer, bed: peer.call(testbed), made, last, next };
}

await check("the close code decides whether another connection follows", async (later) => {
  for (const code of [0, 1006, 1011]) {
    const { peer, made, last } = await start(later);
    await last().open();
    await last().end(code);
    await until(() => made.length == 2);
    equal(peer.state, "connecting");
  }
  for (const code of [1001, 1012, 1013]) {
    const { peer, last } = await start(later);
    await last().open();
    await last().end(code, "later");
    equal(peer.state, "waiting");
    peer.close(3000, "enough");
    equal(await peer.closed, { code: 3000, reason: "enough" });
  }
  for (const code of [1000, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 3000, 3999, 4000, 4999]) {
    const { peer, last } = await start(later);
    await last().open();
    await last().end(code, "why");
    equal([peer.state, await peer.closed], ["closed", { code, reason: "why" }]);
  }
  const { peer, last } = await start(later, { reconnect: false });
  await last().open();
  await last().end(1006);
  equal(peer.state, "closed");
});

await check("states are told in order, and not to those who have left", async (later) => {
  const { peer, last, next } = await start(later);
  const states = [];
  peer.onstate((state) => states.push(state));
  peer.onstate((state) => states.push(`not ${state}`))();
  await last().open();
  await last().end(1006);
  await next(2);
  peer.close();
  await settled();
  equal(states, ["open", "waiting", "connecting", "open", "closed"]);
});

await check("the URL is asked for at each attempt, and an attempt without one has failed", async (later) => {
  let token = 0;
  const { made } = await start(later, {}, async () => {
    if (++token == 2) throw new Error("no token");
    return new URL(`ws://fake/?t=${token}`);
  });
  await made[0].end(1006);
  await until(() => made.length == 2);
  equal(
    made.map((socket) => socket.url),
    ["ws://fake/?t=1", "ws://fake/?t=3"],
  );
});

await check("one that is closed while it waits for the URL opens nothing", async (later) => {
  let tell;
  const { peer, made } = await start(later, {}, () => new Promise((resolve) => (tell = resolve)));
  peer.close();
  tell("ws://fake/");
  await settled();
  equal([made.length, peer.state], [0, "closed"]);
});

await check("what an old socket says afterwards is not heard", async (later) => {
  const { bed, peer, made, next } = await start(later);
  await made[0].open();
  await made[0].end(1006);
  const socket = await next(2);
  for (const event of ["onerror", "onclose", "onopen", "onmessage"]) {
    await made[0][event]?.({ code: 1000, reason: "", data: JSON.stringify(result(1, "stale")) });
  }
  await settled();
  equal([peer.state, made.length, socket.take()], ["open", 2, []]);
  const call = bed.add(1, 2);
  await socket.deliver(result(1, 3));
  equal(await call, 3);
});

await check("a URL that is none, or a socket that cannot be made, is no endless loop", async (later) => {
  class Broken {
    constructor() {
      throw new SyntaxError("no URL");
    }
  }
  const peer = connect("nonsense", { WebSocket: Broken });
  later(() => peer.close());
  equal((await peer.closed).reason.includes("no URL"), true);
});

await check(
  "what was sent rejects, what was not waits, and what is idempotent is sent again, five times at most",
  async (later) => {
    const { peer, bed, last, next } = await start(later);
    const early = rejection(bed.add(1, 2));
    const socket = last();
    await socket.open();
    equal(
      socket.take().map((message) => message.method),
      ["add"],
    );
    const nap = rejection(peer.call(idempotent).nap(1));
    const stream = collect(bed.count(0, 9));
    await settled();
    await socket.end(1006);
    const error = await early;
    equal([error instanceof ClosedError, error.sent, error.close.code], [true, true, 1006]);
    equal((await stream).error instanceof ClosedError, true);
    const late = bed.add(3, 4);
    const gone = rejection(bed.add(5, 6, { signal: AbortSignal.timeout(0) }));
    const told = bed.log("x");
    await gone;
    for (let times = 2; times <= 5; times++) {
      const socket = await next(times);
      const sent = socket.take();
      equal(sent.filter((message) => message.method == "nap").length, 1);
      if (times == 2) {
        equal(sent.map((message) => message.method).sort(), ["add", "log", "nap"]);
        await told;
        await socket.deliver(result(sent.find((message) => message.method == "add").id, 7));
      }
      await socket.end(1006);
    }
    equal((await nap).sent, true);
    equal(await late, 7);
  },
);

await check("a bounded number waits, and none of them if there is no other connection", async (later) => {
  const { peer, bed, last } = await start(later, { queue: 2, reconnect: { first: 1e6, most: 1e6 } });
  const two = [bed.add(1, 2), bed.log("x")].map((call) => rejection(call));
  equal((await rejection(bed.add(3, 4))).sent, false);
  await last().end(1006);
  equal(peer.state, "waiting");
  peer.close();
  equal(
    (await Promise.all(two)).map((error) => [error instanceof ClosedError, error.sent]),
    [
      [true, false],
      [true, false],
    ],
  );
});

await check(
  "onconnect runs on each connection before other calls, also when the server calls back",
  async (later) => {
    const logins = [];
    const { peer, bed, last, next } = await start(later, {
      serve: [served({ back: (n, { peer }) => peer.call(testbed).add(n, 1) })],
      onconnect: async (peer) => logins.push(await peer.call(testbed).echo("token")),
    });
    const waiting = bed.add(1, 2);
    const login = last().open();
    await settled();
    const [echo, ...none] = last().take();
    equal([echo.method, none, peer.state], ["echo", [], "connecting"]);
    await last().deliver(request(1, "back", [1]));
    const [add] = last().take();
    equal([add.method, add.params], ["add", [1, 1]]);
    await last().deliver(result(add.id, 2));
    equal(last().take(), [result(1, 2)]);
    await last().deliver(result(echo.id, "welcome"));
    await login;
    const [first] = last().take();
    equal([first.params, logins, peer.state], [[1, 2], ["welcome"], "open"]);
    await last().deliver(result(first.id, 3));
    equal(await waiting, 3);
    await last().end(1011);
    await next(2);
    equal(
      last()
        .take()
        .map((message) => message.method),
      ["echo"],
    );
  },
);

await check("an onconnect that fails ends the connection, and another is tried", async (later) => {
  let times = 0;
  const { peer, made, last, next } = await start(later, {
    onconnect: () => {
      if (++times == 1) throw new Error("no");
    },
  });
  await last().open();
  equal(made[0].closes[0][0], 4011);
  await next(2);
  equal(peer.state, "open");
});

await check("handlers and streams end with their connection", async (later) => {
  const ended = [];
  const { last, next } = await start(later, {
    serve: [
      served({
        wait: ({ signal }) =>
          new Promise((resolve) =>
            signal.addEventListener("abort", () => (ended.push(signal.reason), resolve())),
          ),
        async *endless_feed() {
          try {
            for (let i = 0; ; i++) yield i;
          } finally {
            ended.push("feed");
          }
        },
        async total(numbers) {
          try {
            for await (const _ of numbers);
          } catch (error) {
            ended.push(error);
          }
        },
      }),
    ],
  });
  const socket = last();
  await socket.open();
  await socket.deliver(request(1, "wait"));
  await socket.deliver(request(2, "endless_feed", [], { stream: [1, 100] }));
  await socket.deliver(request(3, "total", [{ stream: 0 }]));
  socket.take();
  await socket.end(1006);
  await settled();
  equal(ended.length, 3);
  equal(
    ended.some((end) => end instanceof ClosedError),
    true,
  );
  equal((await next(2)).take(), []);
});

await check("a handler may close the client when its connection is lost", async (later) => {
  const { peer, made, last } = await start(later, {
    serve: [
      served({
        wait: ({ signal, peer }) =>
          new Promise((resolve) => signal.addEventListener("abort", () => resolve(peer.close()))),
      }),
    ],
  });
  await last().open();
  await last().deliver(request(1, "wait"));
  await last().end(1006);
  await sleep(20);
  equal([peer.state, made.length, (await peer.closed).code], ["closed", 1, 1000]);
});

await check("a silent peer is asked, and then given up; one that answers is kept", async (later) => {
  const { peer, made, last } = await start(later, { heartbeat: 20 });
  await last().open();
  const answering = setInterval(() => {
    const [ping] = last().take();
    if (ping) {
      equal([ping.method, "params" in ping], ["rpc.ping", false]);
      last().deliver(result(ping.id));
    }
  }, 2);
  await sleep(200);
  clearInterval(answering);
  equal([peer.state, made.length], ["open", 1]);
  await until(() => made.length == 2);
  await until(() => made.length == 3, "one that does not open in a heartbeat");
});

await check("close takes 1000 and 3000 to 4999, and throws at once for others", async (later) => {
  const { peer, last } = await start(later);
  await last().open();
  for (const code of [0, 999, 1001, 1005, 1006, 2999, 5000, NaN, -1]) {
    equal(
      (await rejection(Promise.resolve().then(() => peer.close(code)))) instanceof RangeError,
      true,
      `${code}`,
    );
  }
  await rejection(Promise.resolve().then(() => peer.close(1000, "é".repeat(62))));
  equal(peer.state, "open");
  peer.close(4321, "bye");
  peer.close(4322);
  equal(
    [last().closes, peer.state, await peer.closed],
    [[[4321, "bye"]], "closed", { code: 4321, reason: "bye" }],
  );
});

await check("what wakes the network up ends a wait", async (later) => {
  const events = new Map();
  const [add, remove] = [globalThis.addEventListener, globalThis.removeEventListener];
  globalThis.addEventListener = (name, listener) => events.set(name, listener);
  globalThis.removeEventListener = (name) => events.delete(name);
  later(() => Object.assign(globalThis, { addEventListener: add, removeEventListener: remove }));
  const { peer, made, last } = await start(later, { reconnect: { first: 60_000, most: 60_000 } });
  await last().end(1006);
  equal(peer.state, "waiting");
  events.get("online")();
  await until(() => made.length == 2);
  events.get("visibilitychange")();
  await settled();
  equal(made.length, 2);
  peer.close();
  equal(events.size, 0);
});

await check("the words of one connection mean nothing on the next", async (later) => {
  const { bed, last, next } = await start(later);
  await last().open();
  const lost = rejection(bed.sum([1, 2, 3]));
  await settled();
  await last().end(1006);
  await lost;
  const socket = await next(2);
  const call = bed.add(1, 2);
  const [{ id }] = socket.take();
  equal(id, 2);
  for (const stale of [word("want", 1, 0, 99, 1e6), word("stop", 1, 0), result(1, 9), word("item", 1, 9)])
    await socket.deliver(stale);
  equal(socket.take(), []);
  await socket.deliver(result(2, 3));
  equal(await call, 3);
});

await check("an idempotent call with a stream among its arguments is not sent again", async (later) => {
  const { peer, last, next } = await start(later);
  await last().open();
  const rows = { sum: { name: "sum", params: ["numbers"], streams: [0], idempotent: true } };
  const call = rejection(peer.call({ version: 1, methods: rows }).sum([1, 2, 3]));
  await settled();
  await last().end(1006);
  const error = await call;
  equal([error instanceof ClosedError, error.sent], [true, true]);
  equal((await next(2)).take(), []);
});

await check("no timer of a client that was closed is left, so a program can end", async (later) => {
  await settled(); // the check's own timer is not counted
  const timers = new Set();
  const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
  later(() => Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval }));
  /** Counts the timers of the client. Those of the tests are short. */
  const counted = (start) => (run, ms) => {
    const timer = start(run, ms);
    if (ms > 1000) timers.add(timer);
    return timer;
  };
  const stopped = (stop) => (timer) => (timers.delete(timer), stop(timer));
  Object.assign(globalThis, {
    setTimeout: counted(setTimeout),
    clearTimeout: stopped(clearTimeout),
    setInterval: counted(setInterval),
    clearInterval: stopped(clearInterval),
  });
  for (const step of ["connecting", "open", "waiting"]) {
    const { peer, bed, last } = await start(later, { timeout: 60_000, reconnect: { first: 1e9, most: 1e9 } });
    if (step == "open") await last().open();
    const call = rejection(bed.add(1, 2));
    const read = collect(bed.endless());
    await settled();
    if (step == "waiting") await last().end(1006);
    equal([peer.state, timers.size > 2], [step, true]);
    peer.close();
    await call;
    await read;
    equal(timers.size, 0, step);
  }
});

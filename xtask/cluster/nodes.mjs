// Three nodes, each a process of its own, over real nats-servers. `cargo xtask cluster` runs this.

import assert from "node:assert/strict";

import { check as run, finish, rejection, within } from "../interop/node/harness.mjs";
import { Nats, nodes, pause, until, version } from "./processes.mjs";

/** Runs a check, if its name has the part that the command line names. */
const check = async (name, ...rest) => {
  if (name.includes(process.argv[2] ?? "")) await run(name, ...rest);
};

/** Never answers. */
const hang = () => new Promise(() => {});

/** Makes `count` things, at most `most` at once. */
async function times(count, most, make) {
  let next = 0;
  await Promise.all(Array.from({ length: most }, async () => {
    while (next < count) await make(next++);
  }));
}

let clusters = 0;

/** Nodes of these names, for a check; they are killed at its end. */
async function cluster(later, nats, names = ["a", "b", "c"], prefix = `test-${++clusters}`) {
  const started = await nodes(nats, names, prefix);
  later(() => Promise.all(started.map((node) => node.kill())));
  return started;
}

/** How a call to a peer has failed: `disconnected sent`, for example. */
async function failure(call) {
  const error = await rejection(call);
  return error.code == 20 ? `${error.data.kind} ${error.data.sent ? "sent" : "not sent"}` : String(error);
}

/** What calls that fail have in common, and after how many milliseconds the last one has ended. */
async function failures(calls) {
  const began = performance.now();
  const kinds = new Set(await Promise.all(calls.map(failure)));
  return [[...kinds].sort(), performance.now() - began];
}

console.log(`# ${version()}`);
const nats = await Nats.start();

await check("what is sent after a join reaches the peer: 10 000 joins, each followed by a send from another node", async (later) => {
  const [a, b, c] = await cluster(later, nats);
  const got = new Set();
  const member = await a.peer({ got: (number) => got.add(number) });
  const senders = [await b.peer(), await c.peer()];
  await times(10_000, 128, async (number) => {
    await member.call("join", `group ${number}`);
    const sent = await senders[number % 2].call("send", `group ${number}`, "got", [number]);
    assert.equal(sent.remote, "published");
    await until(`${number} arrives`, () => got.has(number), 5_000);
    await member.call("leave", `group ${number}`);
  });
  assert.equal(got.size, 10_000);
}, 120_000);

await check("two nats-servers: a join holds on both", async (later) => {
  const first = await Nats.start();
  const second = await Nats.start([first.route]);
  later(() => Promise.all([first.kill(), second.kill()]));
  await until("the servers are a cluster", async () => (await second.facts()).routes > 0);
  const [a, b] = await cluster(later, [first, second], ["a", "b"]);
  const got = new Set();
  const member = await a.peer({ got: (number) => got.add(number) });
  const sender = await b.peer();
  await times(2_000, 64, async (number) => {
    await member.call("join", `group ${number}`);
    await sender.call("send", `group ${number}`, "got", [number]);
    await until(`${number} arrives`, () => got.has(number), 5_000);
    await member.call("leave", `group ${number}`);
  });
}, 60_000);

await check("10 000 members on three nodes cost one message of the engine for each node", async (later) => {
  const started = await cluster(later, nats);
  let got = 0;
  const methods = { said: () => got++ };
  const members = [];
  await times(10_000, 100, async (number) => {
    const member = await started[number % 3].peer(methods);
    members.push(member);
    await member.call("join", "all");
  });
  later(() => members.forEach((member) => member.close()));
  const before = await nats.facts();
  const text = "x".repeat(1000);
  for (let round = 0; round < 10; round++) {
    const sent = await members[0].call("send", "all", "said", [text]);
    assert.equal(sent.remote, "published");
  }
  await until("all members have all messages", () => got == 100_000);
  const after = await nats.facts();
  // The bytes of the ten messages with their envelopes; heartbeats are small.
  const [into, out] = [after.in_bytes - before.in_bytes, after.out_bytes - before.out_bytes];
  assert(into < 10 * 1500 + 5_000, `${into} bytes went to the engine`);
  assert(out < 3 * 10 * 1500 + 10_000, `${out} bytes came from the engine`);
}, 90_000);

await check("users, all, ask, presence and calls span the nodes", async (later) => {
  const started = await cluster(later, nats);
  const heard = [];
  const peers = [];
  for (const node of started) {
    peers.push(await node.peer({ heard: (what) => heard.push(what), name: () => node.name, fail: () => hang() }));
  }
  for (const peer of peers) {
    await peer.call("login", "ada");
    await peer.call("join", "room");
    await peer.call("track", "room", await peer.call("id"), { on: 1 });
  }
  await peers[0].call("send_user", "ada", "heard", ["user"]);
  await until("all devices have it", () => heard.length == 3);
  await peers[1].call("send_all", "heard", ["all"]);
  await until("all peers have it", () => heard.length == 6);
  await peers[1].call("send", "room", "heard", ["others"], true);
  await until("all others have it", () => heard.length == 8);
  const answers = await peers[2].call("ask", "room", "name", [], 5_000);
  assert.deepEqual(answers.map(({ result }) => result).sort(), ["a", "b", "c"]);
  assert.equal(new Set(answers.map(({ peer }) => peer)).size, 3);
  const late = await peers[2].call("ask", "room", "fail", [], 300);
  assert.deepEqual(late.map(({ error }) => error.data.kind), ["timed_out", "timed_out", "timed_out"]);
  for (const [i, peer] of peers.entries()) {
    assert.equal(await peers[(i + 1) % 3].call("call_peer", await peer.id(), "name", [], 5_000), started[i].name);
    await until("all nodes have all of the presence", async () => Object.keys(await peer.call("members", "room")).length == 3);
  }
  assert.equal((await rejection(peers[0].call("call_peer", await peers[1].id(), "nothing", [], 5_000))).code, -32601);
  const strange = `${(await peers[1].id()).split("-")[0]}-99999`;
  assert.equal(await failure(peers[0].call("call_peer", strange, "name", [], 5_000)), "disconnected not sent");
  peers[2].close();
  await until("the presence of a peer that has gone is gone", async () => Object.keys(await peers[0].call("members", "room")).length == 2);
}, 30_000);

// These mostly wait, so they run at the same time.
await Promise.all([
  check("a node that is killed under 500 calls: all end within 11 s, and later ones are not sent", async (later) => {
    const [a, b] = await cluster(later, nats);
    let begun = 0;
    const target = await b.peer({ hang: () => (begun++, hang()) });
    const caller = await a.peer();
    const id = await target.id();
    const calls = Array.from({ length: 500 }, () => caller.call("call_peer", id, "hang", [], 60_000));
    await until("all calls run", () => begun == 500);
    b.signal("SIGKILL");
    const [kinds, ms] = await failures(calls);
    assert.deepEqual(kinds, ["disconnected sent"]);
    assert(ms < 11_000, `they ended after ${ms} ms`);
    assert.equal(await failure(caller.call("call_peer", id, "hang", [], 60_000)), "disconnected not sent");
    assert.equal((await caller.call("nodes")).length, 2);
  }, 40_000),

  check("a node that hangs under 500 calls: all end within 11 s, new ones within 2 s, and it comes back", async (later) => {
    const [a, b, c] = await cluster(later, nats);
    let begun = 0;
    const target = await b.peer({ hang: () => (begun++, hang()), name: () => "b" });
    const [caller, other] = [await a.peer(), await c.peer()];
    const id = await target.id();
    const calls = Array.from({ length: 500 }, () => caller.call("call_peer", id, "hang", [], 60_000));
    await until("all calls run", () => begun == 500);
    b.signal("SIGSTOP");
    const late = Array.from({ length: 100 }, () => other.call("call_peer", id, "name", [], 60_000));
    const [[lateKinds, lateMs], [kinds, ms]] = await Promise.all([failures(late), failures(calls)]);
    assert.deepEqual([lateKinds, kinds], [["disconnected sent"], ["disconnected sent"]]);
    assert(lateMs < 2_000, `new calls ended after ${lateMs} ms`);
    assert(ms < 11_000, `calls that ran ended after ${ms} ms`);
    b.signal("SIGCONT");
    await until("it is a node again", async () => (await other.call("nodes")).length == 3);
    await until("its peers can be called again", () => other.call("call_peer", id, "name", [], 5_000).then((name) => name == "b", () => false));
  }, 40_000),

  check("the engine away for 5 s under load: local life goes on, and all works again without a restart", async (later) => {
    const engine = await Nats.start();
    later(() => engine.kill());
    const [a, b] = await cluster(later, engine, ["a", "b"]);
    const [near, far] = [[], []];
    const member = await a.peer({ said: (number) => near.push(number) });
    const remote = await b.peer({ said: (number) => far.push(number), hang });
    await member.call("join", "room");
    await remote.call("join", "room");
    const caller = await a.peer();
    const waiting = caller.call("call_peer", await remote.id(), "hang", [], 60_000);
    waiting.catch(() => {});
    const seen = [];
    let on = true;
    let number = 0;
    const load = (async () => {
      for (; on; await pause(1)) {
        const { local, remote } = await within(3_000, "a send", caller.call("send", "room", "said", [number++]));
        assert.equal(local, 1);
        seen.push(remote);
      }
    })();
    await until("the nodes reach each other", () => far.length > 100);
    const before = [a.memory(), b.memory()];
    await engine.kill();
    assert.equal(await failure(waiting), "disconnected sent");
    await pause(5_000);
    const late = await a.peer();
    await late.call("join", "made meanwhile");
    assert.equal(await failure(caller.call("call_peer", await remote.id(), "hang", [], 60_000)), "disconnected not sent");
    const lost = far.length;
    await engine.start();
    await until("the nodes reach each other again", () => far.length > lost + 100);
    on = false;
    await load;
    assert(seen.includes("unreachable"));
    assert.equal(seen.at(-1), "published");
    await until("the local member has each message", () => near.length == number);
    assert.deepEqual(near, [...near].sort((x, y) => x - y));
    assert.deepEqual(far, [...far].sort((x, y) => x - y));
    assert((await remote.call("gaps")).room >= 1);
    const got = [];
    const joined = await a.peer({ got: () => got.push(1) });
    await joined.call("join", "later");
    await remote.call("send", "later", "got", []);
    await until("a join holds again", () => got.length == 1);
    for (const [i, node] of [a, b].entries()) {
      assert(node.memory() < before[i] + (16 << 20), `node ${node.name} has grown from ${before[i]} to ${node.memory()}`);
    }
  }, 60_000),

  check("a node that does not read is told a gap, and delays nobody", async (later) => {
    const engine = await Nats.start();
    later(() => engine.kill());
    const [a, b] = await cluster(later, engine, ["a", "b"]);
    const got = [];
    const slow = await b.peer({ said: (number) => got.push(number) });
    await slow.call("join", "room");
    const sender = await a.peer();
    b.signal("SIGSTOP");
    const text = "x".repeat(100_000);
    for (let number = 0; number < 1_000; number++) await within(3_000, "a send", sender.call("send", "room", "said", [number, text]));
    b.signal("SIGCONT");
    await until("it can be reached again", async () => {
      await sender.call("send", "room", "said", ["end"]);
      return got.includes("end");
    }, 30_000);
    const numbers = got.filter((number) => number != "end");
    if (numbers.length < 1_000) assert((await slow.call("gaps")).room >= 1, `${numbers.length} arrived and no gap was told`);
    assert.deepEqual(numbers, [...numbers].sort((x, y) => x - y));
  }, 60_000),
]);

await check("a call to a node that was just killed is not sent, and ends at once", async (later) => {
  const engine = await Nats.start();
  later(() => engine.kill());
  const [a, b] = await cluster(later, engine, ["a", "b"]);
  const id = await (await b.peer()).id();
  const caller = await a.peer();
  await b.kill();
  await until("NATS has noticed", async () => (await engine.facts()).connections == 1);
  const began = performance.now();
  assert.equal(await failure(caller.call("call_peer", id, "hang", [], 60_000)), "disconnected not sent");
  const ms = performance.now() - began;
  assert(ms < 500, `it ended after ${ms} ms`);
}, 30_000);

await check("what is too large for the engine reaches nobody", async (later) => {
  const [a, b] = await cluster(later, nats, ["a", "b"]);
  const got = [];
  const members = [await a.peer({ said: (text) => got.push(text.length) }), await b.peer({ said: (text) => got.push(text.length) })];
  for (const member of members) await member.call("join", "room");
  const fits = (1 << 20) - 1_000;
  await members[0].call("send", "room", "said", ["x".repeat(fits)]);
  await until("both have it", () => got.length == 2);
  const error = await rejection(members[0].call("send", "room", "said", ["x".repeat((1 << 20) - 200)]));
  assert.equal(error.code, -32005);
  assert.match(error.message, /\d{7}/);
  await members[0].call("send", "room", "said", ["end"]);
  await until("both have the next one", () => got.length == 4);
  assert.deepEqual(got, [fits, fits, 3, 3]);
}, 30_000);

await check("clusters with different prefixes do not hear each other", async (later) => {
  const [a] = await cluster(later, nats, ["a"], "one");
  const [b] = await cluster(later, nats, ["b"], "two");
  const got = [];
  const member = await b.peer({ said: () => got.push(1) });
  await member.call("join", "room");
  const sender = await a.peer();
  await sender.call("send", "room", "said", []);
  await sender.call("send_all", "said", []);
  assert.equal(await failure(sender.call("call_peer", await member.id(), "said", [], 2_000)), "disconnected not sent");
  assert.deepEqual([(await sender.call("nodes")).length, got.length], [1, 0]);
}, 30_000);

await check("SIGTERM takes a node out at once: its presence, its name, new calls", async (later) => {
  const [a, b] = await cluster(later, nats, ["a", "b"]);
  const member = await b.peer({ hang });
  await member.call("join", "room");
  await member.call("track", "room", "ada", 1);
  const watcher = await a.peer();
  await until("it is present", async () => "ada" in await watcher.call("members", "room"));
  const began = performance.now();
  b.signal("SIGTERM");
  assert.equal(await b.ended, 0);
  await until("it is gone", async () => !("ada" in await watcher.call("members", "room")), 1_000);
  assert.equal((await watcher.call("nodes")).length, 1);
  assert(performance.now() - began < 6_500);
}, 30_000);

await check("after 3 600 connections, 36 000 joins and leaves and 3 600 tracks all is as before", async (later) => {
  const started = await cluster(later, nats);
  const watchers = await Promise.all(started.map((node) => node.peer()));
  const churn = async (count) => {
    await times(count, 60, async (number) => {
      const peer = await started[number % 3].peer();
      for (let group = 0; group < 10; group++) {
        await peer.call("join", `room ${(number + group) % 50}`);
        if (group == 5) await peer.call("track", `room ${(number + group) % 50}`, `key ${number}`, number);
      }
      for (let group = 0; group < 10; group += 2) await peer.call("leave", `room ${(number + group) % 50}`);
      peer.close();
    });
    await until("all connections are gone", async () => {
      const stats = await Promise.all(watchers.map((watcher) => watcher.call("stats")));
      return stats.every(({ connections }) => connections == 1);
    });
  };
  const tasks = async () => (await Promise.all(watchers.map((watcher) => watcher.call("stats")))).map((stats) => stats.tasks);
  // The allocator keeps what the first connections have used.
  await churn(1_200);
  const [before, tasksBefore] = [started.map((node) => node.memory()), await tasks()];
  await churn(3_600);
  await until("tasks are as before", async () => (await tasks()).every((count, i) => count <= tasksBefore[i]));
  for (const watcher of watchers) {
    for (let room = 0; room < 50; room++) {
      await until("nobody is present", async () => !Object.keys(await watcher.call("members", `room ${room}`)).length);
    }
  }
  const facts = await nats.facts();
  assert(facts.subscriptions < 100, `${facts.subscriptions} subscriptions are left`);
  for (const [i, node] of started.entries()) {
    assert(node.memory() < before[i] + (4 << 20), `node ${node.name} has grown from ${before[i]} to ${node.memory()}`);
  }
}, 90_000);

await nats.kill();
finish();

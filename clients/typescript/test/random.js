// Messages at random, as a hostile peer may send them: nothing throws, and the connection goes on. The seed
// is in the name of the check; SEED sets it.

import { open, request, result } from "./fake.js";
import { check, equal, setting, settled } from "./harness.js";
import { rows, service } from "./service.js";

const seed = Number(setting("SEED") ?? Date.now() % 1e9);

/** Numbers from 0 to `below`, the same for a seed (a linear congruential generator). */
function numbers(seed) {
  let state = BigInt(seed) + 1n;
  return (below) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    return Number((state >> 33n) % BigInt(below));
  };
}

const WORDS = [
  "item",
  "more",
  "push",
  "done",
  "want",
  "stop",
  "cancel",
  "allow",
  "progress",
  "ping",
  "later",
  "",
];
const METHODS = [...Object.keys(rows), ...WORDS.map((name) => `rpc.${name}`), "nowhere", "__proto__", ""];

await check(`20 000 messages at random (seed ${seed})`, async (later) => {
  const upTo = numbers(seed);
  const one = (list) => list[upTo(list.length)];
  /** The ids of this side's newest calls are often meant. */
  let newest = 1;
  const id = () =>
    one([newest, newest - 1, newest - 2, upTo(40), "a", "1", 0, null, -1, 1.5, true, [1], {}, undefined]);
  const total = () => one([0, 1, 2, 64, 1000, 1e6, 2 ** 64, -1, 1.5, "1", null, {}]);
  const value = (depth = 0) =>
    one([
      () => null,
      () => upTo(10),
      () => "text",
      () => ({ stream: one([0, 1, 2, -1, 65_536, "0", null]) }),
      () => ({ code: one([1, "1", null]), message: "x" }),
      () => (depth < 3 ? Array.from({ length: upTo(4) }, () => value(depth + 1)) : []),
      () => (depth < 3 ? { a: value(depth + 1), gate: "g", toString: value(depth + 1) } : {}),
    ])();
  const params = () =>
    one([
      () => [id(), total(), total()],
      () => [id(), upTo(3), total(), total()],
      () => [id(), ...Array.from({ length: upTo(70) }, () => upTo(9))],
      () => ({ id: id() }),
      () => Array.from({ length: upTo(4) }, () => value()),
      () => value(),
      () => undefined,
    ])();
  const message = () =>
    one([
      () => ({
        ...request(id(), one(METHODS), params()),
        stream: one([undefined, [total(), total()], [1], 7]),
      }),
      () => ({ jsonrpc: "2.0", method: one(METHODS), params: params() }),
      () => ({ jsonrpc: "2.0", method: `rpc.${one(WORDS)}`, params: params() }),
      () => ({ jsonrpc: "2.0", id: id(), result: value() }),
      () => ({ jsonrpc: "2.0", id: id(), error: value(), ...(upTo(2) && { result: value() }) }),
      () => value(),
    ])();

  const serve = [{ version: 1, methods: rows, implementation: service() }];
  const { peer, bed, socket } = await open(later, { serve, reconnect: false });
  const read = async (stream) => {
    for await (const _ of stream);
  };
  for (let i = 0; i < 20_000 && peer.state == "open"; i++) {
    if (i % 50 == 0) {
      for (const call of [bed.add(1, 2), bed.sum([1, 2, 3]), read(bed.endless({ timeout: 5 }))])
        call.catch(() => {});
      await settled();
      newest = Math.max(newest, ...socket.take().map((sent) => (sent.method && sent.id) || 0));
    }
    const text = upTo(20) ? message() : Array.from({ length: upTo(4) }, message);
    socket.onmessage({ data: JSON.stringify(text) });
  }
  await settled();
  equal(peer.state, "open");
  socket.take();
  await socket.deliver(request("the last", "add", [1, 2]));
  const answer = socket.take().find((sent) => sent.id == "the last");
  equal(answer, result("the last", 3));
});

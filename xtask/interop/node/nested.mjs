// `relay` of `relay` of `relay`: each side awaits the other, three deep in both directions. No limit on calls in
// flight may turn that into a deadlock.

import assert from "node:assert/strict";
import { check, finish, rejection, testbedUrl } from "./harness.mjs";
import { connect, nested } from "./peer.mjs";

const THREE_DEEP_EACH = 6; // the sides take turns: three relays on theirs, three on ours
const { URL_LIMIT2, URL_RAISED } = process.env;

await check("nested calls of every depth up to twelve end on the right side", async (later) => {
  const peer = await connect(later, testbedUrl());
  for (let depth = 0; depth <= 12; depth++) await relayAtOnce(peer, depth, 1);
});

await check("a thousand at once, three deep in both directions, with the default limits", async (later) => {
  await relayAtOnce(await connect(later, testbedUrl()), THREE_DEEP_EACH, 1_000);
});

await check("an error passes through every level unchanged", async (later) => {
  const peer = await connect(later, testbedUrl());
  const fail = ["fail", [77, "from the innermost", { é: 1 }]];
  const error = await rejection(peer.request("relay", ["relay", ["relay", ["relay", fail]]]));
  assert.deepEqual([error.code, error.message, error.data], fail[1]);
});

if (URL_LIMIT2) {
  await check("three deep in both directions, with two calls in flight at most", async (later) => {
    const peer = await connect(later, URL_LIMIT2);
    for (let i = 0; i < 20; i++) await relayAtOnce(peer, THREE_DEEP_EACH, 1); // again, so that a leaked slot shows
  });

  await check("calls over a limit of two are refused with -32005, and the others answer", async (later) => {
    const peer = await connect(later, URL_LIMIT2);
    const calls = Array.from({ length: 10 }, () => peer.request("sleep", [300]));
    const outcomes = await Promise.allSettled(calls);
    const codes = outcomes.map((outcome) => outcome.reason?.code ?? "answered");
    assert.deepEqual(new Set(codes), new Set(["answered", -32005]), `the ten ended as ${codes}`);
    assert.equal(await peer.request("sleep", [1]), 1);
  });
}

if (URL_RAISED) {
  const tenThousand = async (later) => {
    await relayAtOnce(await connect(later, URL_RAISED), THREE_DEEP_EACH, 10_000);
  };
  await check("ten thousand at once, three deep in both directions, with the limits raised", tenThousand, 40_000);
}

finish();

async function relayAtOnce(peer, depth, count) {
  const { method, params } = nested(depth);
  const outcomes = await Promise.allSettled(Array.from({ length: count }, () => peer.request(method, params)));
  const failed = outcomes.filter((outcome) => outcome.status === "rejected").map((outcome) => outcome.reason);
  const first = failed[0];
  assert.equal(failed.length, 0, `${failed.length} of ${count} failed, the first with ${first?.code} ${first?.message}`);
  assert.ok(outcomes.every((outcome) => outcome.value === 3));
}

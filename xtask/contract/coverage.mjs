// @open-rpc/test-coverage makes calls from the document of a live testbed, sends them over a WebSocket, and
// checks the results against the schemas.
//
// It takes any error for a valid answer, so a rule is added: an answer is a result, or an error that the
// document declares.

import coverage from "@open-rpc/test-coverage";
import JsonSchemaFakerRule from "@open-rpc/test-coverage/build/rules/json-schema-faker-rule.js";
import utils from "@open-rpc/schema-utils-js";
import { WebSocket } from "ws";
import { check, finish, testbedUrl } from "./harness.mjs";

// Methods that a made-up call cannot use, with what it would do.
const NOT_CALLED = {
  ask: "calls methods that the members do not have",
  block: "blocks a thread for the time in its params",
  build_by: "calls methods that the client does not have",
  broadcast: "notifies clients with methods that they do not have",
  call_peer: "calls a connection that is not there",
  close: "closes the connection",
  drain: "ends the connection",
  fail: "fails with any code, as its params say",
  nap: "waits for the time in its params",
  panic: "fails always",
  relay: "calls methods that the client does not have",
  shout: "sends as many notifications as its params say",
  sleep: "waits for the time in its params",
  pull: "calls methods that the client does not have",
  push: "calls methods that the client does not have",
  track: "is refused to a connection that is not in the group",
  take_subscription: "subscribes at the client, which has nothing to subscribe to",
};

const rule = (constructor) => constructor.default ?? constructor;

/** Whether a made-up call of the method can be answered: a plain request without streams and progress. */
function isCalled(method) {
  const parts = [method, ...method.params];
  const isPlain = parts.every((part) => !part["x-stream"]) && !method["x-progress"];
  return method.result !== undefined && isPlain && !(method.name in NOT_CALLED);
}

/** A connection whose `call` has the form that the tool wants. */
async function connect(url) {
  const socket = new WebSocket(url, "jsonrpc");
  const waiting = new Map();
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  socket.on("message", (text) => {
    const reply = JSON.parse(text);
    waiting.get(reply.id)?.(reply);
  });
  let last = 0;
  const call = (_url, method, params) =>
    new Promise((resolve) => {
      waiting.set(++last, resolve);
      socket.send(JSON.stringify({ jsonrpc: "2.0", id: last, method, params }));
    });
  return { call, close: () => socket.close() };
}

/** A rule that adds to the tool's own: only declared errors are answers. */
class DeclaredErrors extends rule(JsonSchemaFakerRule) {
  constructor(document) {
    super({ numCalls: 20 });
    const codes = (method) => (method.errors ?? []).map((error) => error.code);
    this.declared = new Map(document.methods.map((method) => [method.name, codes(method)]));
  }

  validateCall(call) {
    if (call.error === undefined) return super.validateCall(call);
    call.valid = this.declared.get(call.methodName).includes(call.error.code);
    call.reason = `the error ${JSON.stringify(call.error)} is not declared`;
    return call;
  }
}

// Hundreds of calls, each of which is checked against its schema.
const LIMIT_MS = 50_000;

const silent = { onBegin() {}, onTestBegin() {}, onTestEnd() {}, onEnd() {} };

/** The calls that were made from a document, with the tool's verdict on each. */
async function judged(document, transport) {
  const openrpcDocument = await utils.parseOpenRPCDocument(structuredClone(document));
  const only = openrpcDocument.methods.filter(isCalled).map((method) => method.name);
  const rules = [new DeclaredErrors(openrpcDocument)];
  const calls = [];
  const reporter = { ...silent, onTestEnd: (_options, call) => calls.push(call) };
  await rule(coverage)({ openrpcDocument, transport, reporters: [reporter], rules, only, skip: [] });
  return calls;
}

const wrong = (calls) => calls.filter((call) => !call.valid);

const { call, close } = await connect(testbedUrl());
const document = (await call("", "rpc.discover", [])).result;

await check("made-up calls of each plain method are answered as the document says", async () => {
  const calls = await judged(document, call);
  const [first] = wrong(calls);
  if (first) throw new Error(`${first.methodName}(${JSON.stringify(first.params)}): ${first.reason ?? first.requestError}`);
  const methods = new Set(calls.map((call) => call.methodName));
  const due = document.methods.filter(isCalled).length;
  if (methods.size !== due || due < 8) throw new Error(`${methods.size} of ${due} methods were called`);
}, LIMIT_MS);

await check("a result of another type than declared is found", async () => {
  const broken = structuredClone(document);
  broken.methods.find((method) => method.name === "add").result.schema = { title: "Text", type: "string" };
  const found = new Set(wrong(await judged(broken, call)).map((call) => call.methodName));
  if (!found.has("add") || found.size !== 1) throw new Error(`found in ${[...found]}`);
}, LIMIT_MS);

await check("an error that is not declared is found", async () => {
  const broken = structuredClone(document);
  broken.methods.find((method) => method.name === "area").errors = [];
  const found = new Set(wrong(await judged(broken, call)).map((call) => call.methodName));
  if (!found.has("area") || found.size !== 1) throw new Error(`found in ${[...found]}`);
}, LIMIT_MS);

close();
finish();

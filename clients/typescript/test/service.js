// The methods that the transcripts call, served by this side.

import { ClosedError, RpcError } from "../dist/index.js";
import { turn } from "./harness.js";

const wrong = () => new RpcError(-32602, "Invalid params", { kind: "invalid_params" });

/** Types are TypeScript's alone, so a method that needs one checks it. */
function typed(...types) {
  return types.map(([value, type]) => {
    if (value == null && type.endsWith("?")) return value ?? null;
    const kind = type.replace("?", "");
    if (kind == "integer" ? !Number.isSafeInteger(value) : typeof value != kind) throw wrong();
    return value;
  });
}

const params = (names, more) => ({ params: names, ...more });

/** The rows of the methods. */
export const rows = {
  subtract: params(["minuend", "subtrahend"]),
  notify_hello: params(["times"], { notification: true }),
  get_data: params([]),
  add: params(["a", "b"]),
  echo: params(["value"]),
  tree: params(["value"]),
  optional: params(["a", "b", "c"], { optional: [1, 2] }),
  none: params([]),
  whole: params(["params"], { style: "single" }),
  log: params(["line"], { notification: true }),
  logged: params([]),
  fence: params([]),
  hold: params(["gate"]),
  release: params(["gate"]),
  held: params([]),
  fail: params(["code", "message", "data"], { optional: [2] }),
  panic: params(["when"]),
  broken_result: params(["when"]),
  explosive_result: params(["when"]),
  broken_data: params([]),
  long: params(["bytes"]),
  call_me: params(["method", "params"], { optional: [1] }),
  ask_number: params([]),
  ask_in_vain: params(["gate"]),
  tell_me: params(["line"]),
  sum: params(["numbers"], { style: "single", optional: [0] }),
  unit: params([]),
  pair: params(["pair"], { style: "single" }),
  update: params(["numbers"], { style: "single", notification: true }),
  notify_sum: params(["numbers"], { style: "single", notification: true }),
  count: params(["from", "to"], { stream: true }),
  refuse: params([], { stream: true }),
  fail_after: params(["n"], { stream: true }),
  panic_after: params(["n"], { stream: true }),
  total: params(["numbers"], { streams: [0] }),
  both: params(["a", "b"], { streams: [0, 1] }),
  drop: params(["gate", "numbers"], { streams: [1] }),
  keep: params(["numbers"], { streams: [0] }),
  build: params(["steps"], { progress: true }),
};
for (const [name, row] of Object.entries(rows)) row.name = name;

/** A stub of one method of the foreign peer, whose params are `params`. */
const foreign = ({ peer, signal }, name, params) => {
  const names = Array.isArray(params) ? params.map((_, i) => `${i}`) : params ? ["all"] : [];
  const style = Array.isArray(params) || !params ? {} : { style: "single" };
  const table = { version: 1, methods: { it: { name, params: names, ...style } } };
  return peer.call(table).it(...(Array.isArray(params) ? params : params ? [params] : []), { signal });
};

/** How a call back has ended. */
const ended = (call) =>
  call.then(
    (result) => ({ result }),
    (error) => {
      if (!(error instanceof RpcError))
        return error instanceof ClosedError ? { other: "" } : { undecodable: "" };
      const { code, message, data } = error;
      const kind = (code >= -32768 && code <= -32000) || code == -32800 ? "refused" : "method's error";
      return { [kind]: { code, message, ...(data !== undefined && { data }) } };
    },
  );

/** The implementation, with a state of its own. */
export function service() {
  const logged = [];
  const gates = new Map();
  let held = 0;
  const gate = (name) => {
    if (!gates.has(name)) gates.set(name, { open: 0, waiting: [] });
    return gates.get(name);
  };
  const wait = (name, signal) =>
    new Promise((resolve, reject) => {
      const it = gate(name);
      if (it.open) return (void (it.open = 0), resolve());
      it.waiting.push(resolve);
      signal.addEventListener("abort", () => {
        it.waiting = it.waiting.filter((one) => one != resolve);
        reject(signal.reason);
      });
    });
  const later = (when) => (when == "at once" ? undefined : Promise.resolve());
  return {
    subtract: (a, b) => a - b,
    notify_hello: (times) => void logged.push(`notify_hello ${times}`),
    get_data: () => ["hello", 5],
    add(...args) {
      const [a, b] = args.slice(0, 2);
      typed([a, "integer"], [b, "integer"]);
      return a + b;
    },
    echo: (value) => value,
    tree: (value) => value,
    optional: (a, b, c) => typed([a, "integer"], [b, "integer?"], [c, "string?"]),
    none: () => null,
    whole(point) {
      typed([point?.x, "integer"], [point.y, "integer?"]);
      return { x: point.x, y: point.y ?? 0 };
    },
    log(line) {
      typed([line, "string"]);
      logged.push(line);
    },
    logged: () => logged,
    fence: () => turn(),
    async hold(name, { signal }) {
      held++;
      try {
        await wait(name, signal);
      } finally {
        held--;
      }
      return name;
    },
    release(name) {
      const it = gate(name);
      if (it.waiting[0]) it.waiting.shift()();
      else it.open = 1;
    },
    held: () => held,
    fail(code, message, data) {
      throw new RpcError(code, message, data);
    },
    async panic(when, { signal }) {
      if (when == "when it is dropped")
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await later(when);
      throw new Error("an inner detail");
    },
    broken_result: (when) => later(when)?.then(() => 1n) ?? 1n,
    explosive_result: (when) =>
      later(when)?.then(() => 1n) ?? {
        toJSON() {
          throw new Error("an inner detail");
        },
      },
    broken_data() {
      throw new RpcError(1, "its data does not serialise", 1n);
    },
    long: (bytes) => "x".repeat(bytes),
    call_me: (name, params, context) =>
      params != null && typeof params != "object" ? { other: "" } : ended(foreign(context, name, params)),
    async ask_number(context) {
      const answer = await ended(foreign(context, "number"));
      return "result" in answer && typeof answer.result != "number" ? { undecodable: "" } : answer;
    },
    async ask_in_vain(name, { peer, signal }) {
      const { promise, abort } = abortable(peer, "number");
      const gone = wait(name, signal).then(() => "dropped");
      const end = await Promise.race([promise.catch(() => "dropped"), gone]);
      abort();
      return end;
    },
    async tell_me(line, { peer }) {
      const table = { version: 1, methods: { told: { name: "told", params: ["line"], notification: true } } };
      await peer.call(table).told(line);
    },
    sum(numbers = []) {
      if (!Array.isArray(numbers)) throw wrong();
      numbers.forEach((n) => typed([n, "integer"]));
      return numbers.reduce((sum, n) => sum + n, 0);
    },
    unit: () => null,
    pair(pair) {
      typed([pair?.[0], "integer"], [pair[1], "string"]);
      return pair;
    },
    update: (numbers) => void logged.push(`update [${numbers.join(", ")}]`),
    notify_sum: (numbers) => void logged.push(`notify_sum [${numbers.join(", ")}]`),
    *count(from, to) {
      for (let n = from; n < to; n++) yield n;
    },
    refuse() {
      throw new RpcError(8, "no");
    },
    *fail_after(n) {
      for (let i = 0; i < n; i++) yield i;
      throw new RpcError(7, `after ${n}`);
    },
    *panic_after(n) {
      for (let i = 0; i < n; i++) yield i;
      throw new Error("a producer that panics");
    },
    async total(numbers) {
      let total = 0;
      try {
        for await (const number of numbers) total += number;
      } catch (error) {
        if (!(error instanceof RpcError)) throw new RpcError(9, "it does not decode");
        throw new RpcError(9, `${error.message} (${error.code})`);
      }
      return total;
    },
    both: () => null,
    async drop(name, numbers, { signal }) {
      await numbers.return();
      await wait(name, signal);
    },
    keep: () => new Promise(() => {}),
    build(steps, { progress }) {
      for (let done = 1; done <= steps; done++) progress({ done, total: steps });
      return "built";
    },
  };
}

function abortable(peer, name) {
  const controller = new AbortController();
  const table = { version: 1, methods: { it: { name, params: [] } } };
  return { promise: peer.call(table).it({ signal: controller.signal }), abort: () => controller.abort() };
}

// The wire transcripts of tests/transcripts, which a peer of the protocol has to pass, played against this
// runtime over a socket of the test's own. tests/it/transcripts.rs describes their lines.

import { open } from "./fake.js";
import { check, settled, textOf, turn } from "./harness.js";
import { rows, service } from "./service.js";
import { skipped } from "./skipped.js";

const FILES = [
  "batches",
  "cancellation",
  "credit",
  "failures",
  "ids",
  "invalid_requests",
  "not_json",
  "numbers_and_depth",
  "our_calls",
  "params",
  "ping",
  "progress",
  "responses",
  "section_7",
  "streams",
  "unknown_methods",
  "websocket",
];

/** `<<3*ab>>` and `<<3,{"id":#}>>`. */
const expand = (text) =>
  text
    .replace(/<<(\d+)\*(.*?)>>/gs, (_, times, part) => part.repeat(Number(times)))
    .replace(/<<(\d+),(.*?)>>/gs, (_, times, part) =>
      Array.from({ length: Number(times) }, (_, i) => part.replaceAll("#", `${i + 1}`)).join(),
    );

/** The blocks of a file: their titles, subprotocols and steps. */
function parse(text) {
  const blocks = [];
  for (const part of text.split(/\n\s*\n/)) {
    const lines = part
      .replaceAll(/\n[ \t]+/g, "\n\t")
      .split(/\n(?!\t)/)
      .filter((line) => line && !line.startsWith("//"));
    if (!lines.length) continue;
    const block = { title: "", protocol: "jsonrpc", open: false, steps: [] };
    for (const line of lines) {
      if (line.startsWith("# ")) block.title += line.slice(2);
      else if (line == "= birpc.v1" || line == "= jsonrpc") block.protocol = line.slice(2);
      else if (line == "= data left open") block.open = true;
      else if (line == "= socket only") block.socket = true;
      else block.steps.push({ line, sends: line.startsWith("-->"), text: line.slice(4) });
    }
    blocks.push(block);
  }
  return blocks;
}

const bytes = (hex) => Uint8Array.from(hex.trim().split(" "), (byte) => parseInt(byte, 16));

/** The message of a `-->`. */
function message(text) {
  const [, kind, rest] = /^(?:\((binary|hex|text hex)\) )?(.*)$/s.exec(text);
  if (kind == "hex") return bytes(rest).buffer;
  if (kind == "text hex") return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes(rest));
  return kind ? new TextEncoder().encode(expand(rest)).buffer : expand(rest);
}

/** Whether a value is as a transcript says. The text of `detail` is for people, and is not compared. */
function matches(actual, expected, open) {
  if (expected === "\u0001any") return actual !== undefined;
  if (!expected || typeof expected != "object" || !actual || typeof actual != "object")
    return Object.is(actual, expected);
  if (Array.isArray(expected) != Array.isArray(actual)) return false;
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...keys].every((key) => {
    // The service's own text, of a stream whose end does not decode, is Rust's.
    if (key == "detail" || "undecodable" in expected || `${expected[key]}`.includes("does not decode:"))
      return true;
    if (key == "data" && open && "code" in expected) return true;
    return matches(actual[key], expected[key], open);
  });
}

/** Whether a message is as a transcript says. The replies of a batch may have any order. */
function matchesMessage(actual, expected, open) {
  if (!Array.isArray(expected) || !Array.isArray(actual)) return matches(actual, expected, open);
  const left = [...actual];
  for (const one of expected) {
    const at = left.findIndex((other) => matches(other, one, open));
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return !left.length;
}

async function play(later, block, skips) {
  const serve = [{ version: 1, methods: rows, implementation: service() }];
  const { socket } = await open(later, { serve, reconnect: false }, block.protocol);
  const fail = (step, why) => {
    throw new Error(`${step.line.slice(0, 300)}: ${why}`);
  };
  let skipping = false;
  for (const step of block.steps) {
    const [, times, text] = /^(?:\((\d+) times\) )?(.*)$/s.exec(step.text);
    if (step.sends) {
      skipping = skips.find((skip) => skip.test(step.line));
      if (skipping) continue;
      const close = /^close (\d+) ?(.*)$/.exec(text);
      if (close) await socket.end(Number(close[1]), close[2]);
      for (let i = 0; !close && i < Number(times ?? 1); i++) {
        socket.onmessage?.({ data: message(text) });
        // Each message is an event of its own.
        await (i < 100 ? turn() : undefined);
      }
      await settled();
    } else if (skipping) continue;
    else if (text == "nothing") {
      if (socket.sent.length) fail(step, `there came ${socket.sent[0].slice(0, 300)}`);
    } else if (text.startsWith("close ")) {
      const code = Number(text.split(" ")[1]);
      // A close of the peer's is answered by the engine.
      if (socket.readyState != 3 && socket.closes[0]?.[0] != code + 3000)
        fail(step, `closes: ${socket.closes}`);
    } else {
      const expected = JSON.parse(expand(text).replaceAll(/:\*(?=[,}\]])/g, ':"\\u0001any"'));
      for (let i = 0; i < Number(times ?? 1); i++) {
        const sent = socket.sent.shift();
        if (sent === undefined || !matchesMessage(JSON.parse(sent), expected, block.open))
          fail(step, `there came ${sent?.slice(0, 300)}`);
      }
    }
  }
  if (socket.readyState == 1) {
    await settled();
    await socket.deliver({ jsonrpc: "2.0", id: "fence", method: "fence" });
    await settled();
    const sent = socket.sent.shift();
    if (!sent?.includes('"fence"')) throw new Error(`at the end there came ${sent?.slice(0, 300)}`);
  }
}

let [steps, left] = [0, 0];
for (const file of FILES) {
  for (const block of parse(await textOf(`tests/transcripts/${file}.txt`))) {
    const skips = skipped.filter(
      ([where, title]) => where == file && (!title || block.title.includes(title)),
    );
    const sends = block.steps.filter((step) => step.sends);
    const lines = skips.map(([, , line]) => line);
    const out = lines.includes(undefined)
      ? sends
      : sends.filter((step) => lines.some((line) => line.test(step.line)));
    steps += sends.length;
    left += out.length;
    if (out.length < sends.length)
      await check(`${file}: ${block.title}`, (later) => play(later, block, lines));
  }
}
await check(`${left} of ${steps} lines of the transcripts are skipped, at most a third`, () => {
  if (left * 3 > steps) throw new Error("too many");
  return Promise.resolve();
});

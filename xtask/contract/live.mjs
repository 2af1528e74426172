// The TypeScript module of the testbed on `@birpc/client`, with a live testbed: calls both ways, streams both
// ways, progress and typed errors.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { deepStrictEqual as equal } from "node:assert";
import ts from "typescript";
import { WebSocket } from "ws";
import { check, finish, rejection, within } from "./harness.mjs";

const [url, documents, client] = process.argv.slice(2);
const { connect } = await import(pathToFileURL(client));

/** A module, as it runs: without its types, and with the package where it is. */
async function generated(name) {
  const folder = mkdtempSync(join(fileURLToPath(new URL(".", import.meta.url)), "live-"));
  try {
    const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    const text = readFileSync(join(documents, name), "utf8");
    const { outputText } = ts.transpileModule(text, { compilerOptions: options });
    const file = join(folder, "api.mjs");
    writeFileSync(file, outputText.replace("@birpc/client", pathToFileURL(client)));
    return await import(pathToFileURL(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const { testbed, page, isAreaError, isFailure } = await generated("api.ts");
let heard;
const said = new Promise((resolve) => (heard = resolve));
const served = page({
  title: () => "a title",
  confirm: async (question) => question.length > 3,
  said: (line) => heard(line),
  feed: async function* (n) {
    for (let i = 0; i < n; i++) yield i;
  },
});
const peer = connect(url, { WebSocket, serve: [served] });
const bed = peer.call(testbed);

async function collected(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

await check("calls, with params that may be missing", async () => {
  equal(await bed.add(1, 2), 3);
  equal(await bed.area({ kind: "rect", w: 2, h: 3 }), 6);
  equal(await bed.echo([1, { a: null }]), [1, { a: null }]);
  await bed.log("a line");
  equal(await bed.logged(), ["a line"]);
});

await check("streams, as results and as params", async () => {
  equal(await collected(bed.count(0, 100)), Array.from({ length: 100 }, (_, index) => index));
  equal(await bed.sum([1, 2, 3]), 6);
  equal(await collected(bed.double([1, 2])), [2, 4]);
});

await check("progress", async () => {
  const reports = [];
  equal(await bed.build(2, 5, { onprogress: (step) => reports.push(step) }), "built");
  equal(reports.at(-1), { done: 2, total: 2 });
});

await check("errors with their types", async () => {
  const negative = await rejection(bed.area({ kind: "circle", r: -1 }));
  equal([isAreaError(negative), negative.code, negative.data], [true, 10, { field: "r" }]);
  const after = await rejection(collected(bed.fail_after(2)));
  equal([isFailure(after), isAreaError(after), after.data], [true, false, { n: 2 }]);
  equal(isAreaError(await rejection(bed.fail(12, "another"))), false);
});

await check("the testbed calls what the page serves", async () => {
  equal(await bed.relay("page.title"), "a title");
  equal(await bed.relay("page.confirm", ["yes?"]), true);
  equal(await bed.pull("page.feed", [3]), { items: [0, 1, 2], end: "complete" });
  equal(await bed.broadcast("page.said", ["to all"]), 1);
  equal(await within(5_000, "the broadcast", said), "to all");
});

await check("a module of a hostile document runs none of its texts", async () => {
  const module = await generated("hostile.ts");
  equal(globalThis.broken, undefined);
  equal(Object.keys(module).length, 3); // a table, a function, a guard
});

await check("a table of another version is refused", async () => {
  await rejection((async () => peer.call({ ...testbed, version: 2 }).add(1, 2))());
});

peer.close(1000);
finish();

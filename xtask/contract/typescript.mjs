// The TypeScript module of the testbed, by tsc and with the types of `@birpc/client`: programs that use it
// rightly compile, and others do not. Its types are those that json-schema-to-typescript makes of the same
// schemas.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";
import { errorsOf } from "./compile.mjs";
import { check, finish } from "./harness.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const read = (name) => readFileSync(join(process.argv[2], name), "utf8");
const api = read("api.ts");

/** The types of the package that the module imports. */
const CLIENT = { paths: { "@birpc/client": [process.argv[3]] } };

const files = (program) => ({
  [join(here, "api.ts")]: api,
  [join(here, "program.ts")]: `
    import { connect } from "@birpc/client";
    import { testbed, page, isAreaError, isFailure } from "./api.js";
    const bed = connect("ws://localhost/").call(testbed);
    ${program}
  `,
});

const RIGHT = `
  const sum: number = await bed.add(1, 2, { timeout: 5 });
  const area: number = await bed.area({ kind: "circle", r: 2 }) + await bed.area({ kind: "rect", w: 1, h: 2 });
  for await (const n of bed.count(0, 10)) { const number: number = n; }
  await bed.count(0, 10, null, { signal: new AbortController().signal });
  const total: number = await bed.sum([1, 2, 3]);
  await bed.log("a line");
  await bed.fail(1, "m", undefined, { timeout: 1 });
  try { await bed.area({ kind: "circle", r: -1 }); } catch (e) {
    if (isAreaError(e)) switch (e.code) {
      case 10: { const field: string = e.data.field; break; }
      case 11: { const none: undefined = e.data; break; }
    }
    if (isFailure(e) && e.code === 7) { const n: number = e.data.n; }
  }
  page({
    title: () => "a title",
    confirm: async (question) => question.length > 3,
    said: (line) => { line.toUpperCase(); },
    feed: async function* (n) { yield n; },
  });
`;

const WRONG = {
  "an unknown method": "await bed.substract(1, 2);",
  "an argument of another type": 'await bed.add("1", 2);',
  "a missing argument": "await bed.add(1);",
  "a result of another type": "const text: string = await bed.add(1, 2);",
  "an item of another type": "for await (const n of bed.count(0, 1)) { const text: string = n; }",
  "an unknown variant": 'await bed.area({ kind: "square", w: 1 });',
  "a variant without a member": 'await bed.area({ kind: "rect", w: 1 });',
  "an error code that is none": "const e: unknown = 0; if (isAreaError(e)) switch (e.code) { case 12: break; }",
  "the data of another code": "const e: unknown = 0; if (isAreaError(e) && e.code === 11) e.data.field;",
  "a served method that is missing": 'page({ title: () => "t", confirm: () => true, said() {} });',
  "a served result of another type": "page({ title: () => 1, confirm: () => true, said() {}, feed: () => [1] });",
};

await check("a right program compiles", async () => {
  const errors = errorsOf(files(RIGHT), CLIENT);
  if (errors.length > 0) throw new Error(errors.slice(0, 3).join("; "));
}, 60_000);

// Together, since each program costs the compiler its start: each wrong line has an error of its own.
await check("wrong programs do not compile", async () => {
  const parts = Object.values(WRONG).map((line) => `{ ${line} }`);
  const errors = errorsOf(files(parts.join("\n")), CLIENT);
  const first = files("")[join(here, "program.ts")].split("\n").length - 1;
  const lines = new Set(errors.map((error) => Number(error.split(":")[0]) - first));
  const missed = Object.keys(WRONG).filter((_, index) => !lines.has(index));
  if (missed.length > 0) throw new Error(`these compile: ${missed.join(", ")}; ${errors.join("; ")}`);
}, 60_000);

await check("modules with types and names of all kinds compile", async () => {
  const modules = ["sketch", "zoo", "hostile"].map((name) => [join(here, `${name}.ts`), read(`${name}.ts`)]);
  const errors = errorsOf(Object.fromEntries(modules), CLIENT);
  if (errors.length > 0) throw new Error(errors.slice(0, 3).join("; "));
}, 60_000);

/** Types about which the other tool says less. */
const NOT_COMPARED = {
  Flat: "it leaves out members that stand beside a choice",
  Internal: "it leaves out members that stand beside a reference",
  Open: "its index signature does not fit the other members",
};

/** How the types of a module differ from those that json-schema-to-typescript makes of the same schemas. */
async function differences(module, { components: { schemas } }) {
  // Names that the tool takes as they are.
  const alias = new Map(Object.keys(schemas).map((name, index) => [name, `T${index}`]));
  const definition = ([name, schema]) => [alias.get(name), name in NOT_COMPARED ? {} : schema];
  const definitions = Object.fromEntries(Object.entries(schemas).map(definition));
  const bare = JSON.parse(
    JSON.stringify({ definitions, type: "object" })
      .replaceAll(/#\/components\/schemas\/([^"]*)/g, (_, name) => `#/definitions/${alias.get(name)}`)
      .replaceAll(/"title":"[^"]*",?/g, "")
      .replaceAll(/,}/g, "}"),
  );
  const options = { additionalProperties: false, unreachableDefinitions: true, bannerComment: "", format: false, maxItems: 16 };
  const theirs = await compile(bare, "Oracle", options);
  const checks = Array.from(alias)
    .filter(([name]) => !(name in NOT_COMPARED))
    .map(
      ([name, alias]) => `const to${alias} = (value: api.${name}): theirs.${alias} => value;
               const from${alias} = (value: theirs.${alias}): api.${name} => value;`,
    );
  const program = `import type * as api from "./api.js"; import type * as theirs from "./theirs.js";\n${checks.join("\n")}`;
  const sources = { "api.ts": module, "theirs.ts": theirs, "program.ts": program };
  const files = Object.entries(sources).map(([name, text]) => [join(here, name), text]);
  return errorsOf(Object.fromEntries(files), CLIENT);
}

await check("types are those that json-schema-to-typescript makes", async () => {
  const documents = [[api, "openrpc.json"], [read("zoo.ts"), "zoo.openrpc.json"]];
  for (const [module, name] of documents) {
    const found = await differences(module, JSON.parse(read(name)));
    if (found.length > 0) throw new Error(`${name}: ${found.slice(0, 3).join("; ")}`);
  }
}, 60_000);

await check("another type than json-schema-to-typescript makes is found", async () => {
  const document = JSON.parse(read("openrpc.json"));
  const [name] = Object.keys(document.components.schemas);
  document.components.schemas[name] = { type: "array", items: { type: "boolean" } };
  if ((await differences(api, document)).length === 0) throw new Error(`nothing about ${name}`);
}, 60_000);

finish();

// Makes the scripts of the page in examples/browser, which are committed, from its TypeScript: types are checked,
// and then only left out. `node page.js FOLDER [--check]`. With `--check` it writes nothing, and fails if a script
// is not current.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const [folder, check] = process.argv.slice(2);
const sources = ["api.ts", "chat.ts", "view.ts"].map((name) => join(folder, name));

/** The first line of a script. */
const firstLine = (path) =>
  `// Built from ${basename(path, ".js")}.ts by \`npm run page\` in clients/typescript. Do not edit.\n`;

const program = ts.createProgram(sources, {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ES2022,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: [],
  paths: { "@birpc/client": [fileURLToPath(new URL("dist/index.d.ts", import.meta.url))] },
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noUnusedLocals: true,
  isolatedModules: true,
  verbatimModuleSyntax: true,
});

const problems = ts.getPreEmitDiagnostics(program);
if (problems.length) {
  const host = {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => folder,
    getNewLine: () => "\n",
  };
  console.error(ts.formatDiagnostics(problems, host));
  process.exit(1);
}
program.emit(undefined, (path, emitted) => {
  const text = firstLine(path) + emitted;
  if (!check) return writeFileSync(path, text);
  if (existsSync(path) && readFileSync(path, "utf8") == text) return;
  console.error(`${path} is not current: run \`npm run page\` in clients/typescript`);
  process.exitCode = 1;
});

// Makes `dist`, which is committed, from `src`: one module, and the types that users see. The page of the
// inspector gets a copy of the module. With `--check` this writes nothing, and fails if `dist` is not what `src`
// becomes, or if the module is too large.

import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** The most bytes of the whole module, minified and compressed. */
const LIMIT = 5300;
/** The first line of each file of `dist`, and of its copy in the inspector's page. */
const FIRST_LINE = "// Built from clients/typescript/src by `npm run build`. Do not edit.\n";
const TYPES = ["index", "connect", "errors", "types"].map((name) => `${name}.d.ts`);
const here = (path) => new URL(path, import.meta.url);

/** The files of `dist` by their names. */
async function files() {
  const out = mkdtempSync(join(tmpdir(), "birpc-types-"));
  try {
    const tsc = here("node_modules/typescript/bin/tsc").pathname;
    execFileSync(
      process.execPath,
      [tsc, "--project", here(".").pathname, "--emitDeclarationOnly", "--outDir", out],
      {
        stdio: "inherit",
      },
    );
    const types = TYPES.map((name) => [name, readFileSync(join(out, name), "utf8")]);
    const built = [["index.js", await bundle(false)], ...types];
    return built.map(([name, text]) => [name, FIRST_LINE + text]);
  } finally {
    rmSync(out, { recursive: true });
  }
}

/** All exports in one module. */
async function bundle(minify) {
  const result = await build({
    stdin: { contents: 'export * from "./src/index.ts";', resolveDir: here(".").pathname },
    bundle: true,
    format: "esm",
    target: "es2022",
    write: false,
    minify,
  });
  return result.outputFiles[0].text;
}

const made = await files();
if (process.argv.includes("--check")) {
  for (const [name, text] of made) {
    if (readFileSync(here(`dist/${name}`), "utf8") != text) {
      console.error(`dist/${name} is not what src becomes: run \`npm run build\` in clients/typescript`);
      process.exit(1);
    }
  }
} else {
  mkdirSync(here("dist"), { recursive: true });
  for (const [name, text] of made) writeFileSync(here(`dist/${name}`), text);
  // A Rust package contains only what is in its folder. A test of the inspector notices if the two differ.
  copyFileSync(here("dist/index.js"), here("../../rpc-inspector/page/client.js"));
}
const size = gzipSync(await bundle(true), { level: 9 }).length;
console.log(`${size} bytes minified and compressed, of at most ${LIMIT}`);
if (size > LIMIT) process.exit(1);

// @open-rpc/generator makes a TypeScript client of the testbed's OpenRPC document. It must compile.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { errorsOf } from "./compile.mjs";
import { check, finish } from "./harness.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const document = JSON.parse(readFileSync(join(process.argv[2], "openrpc.json"), "utf8"));

/** The compile errors of the client that is generated of a document. */
function errorsOfClient(document) {
  const folder = mkdtempSync(join(tmpdir(), "birpc-generated-"));
  try {
    const file = join(folder, "openrpc.json");
    writeFileSync(file, JSON.stringify(document));
    const cli = join(here, "node_modules/@open-rpc/generator/build/cli.js");
    const options = ["-t", "client", "-l", "typescript", "-n", "testbed", "-d", file, "-o", folder];
    execFileSync(process.execPath, [cli, "generate", ...options], { stdio: "ignore" });
    const text = readFileSync(join(folder, "client/typescript/src/index.ts"), "utf8");
    // Beside the packages that it imports.
    return errorsOf({ [join(here, "generated.ts")]: text }, { exactOptionalPropertyTypes: false });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await check("the generated client compiles", async () => {
  const errors = errorsOfClient(document);
  if (errors.length > 0) throw new Error(errors.slice(0, 3).join("; "));
}, 60_000);

await check("a schema with the name that a method's type has is found", async () => {
  const broken = structuredClone(document);
  broken.methods.find((method) => method.name === "add").params[0].schema.title = "Add";
  if (errorsOfClient(broken).length === 0) throw new Error("it compiles");
}, 60_000);

await check("an optional parameter before one that is required is found", async () => {
  const broken = structuredClone(document);
  broken.methods.find((method) => method.name === "add").params[0].required = false;
  if (errorsOfClient(broken).length === 0) throw new Error("it compiles");
}, 60_000);

finish();

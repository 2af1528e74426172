// Compiles TypeScript text in memory: the judge of what is generated.

import ts from "typescript";

const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  skipLibCheck: true,
  esModuleInterop: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: [],
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
};

/** The errors of a program of these files, which are texts by path; files that are not there are read. */
export function errorsOf(files, options = {}) {
  const host = ts.createCompilerHost({ ...STRICT, ...options });
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => path in files || fileExists(path);
  host.readFile = (path) => files[path] ?? readFile(path);
  host.getSourceFile = (path, ...rest) =>
    path in files ? ts.createSourceFile(path, files[path], ...rest) : getSourceFile(path, ...rest);
  const roots = Object.keys(files).filter((path) => path.endsWith(".ts"));
  const program = ts.createProgram(roots, { ...STRICT, ...options }, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${line}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

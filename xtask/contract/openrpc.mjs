// The parser of OpenRPC reads the testbed's document, and refuses broken copies.

import openrpc from "@open-rpc/schema-utils-js";
import { KEPT, accepts, read, refuses } from "./documents.mjs";
import { check, finish } from "./harness.mjs";

/** Why the tools of OpenRPC refuse a document; nothing if they do not. The validator alone lets a dangling
 * reference pass, and the parser alone names no place. */
async function refusedByOpenrpc(document) {
  try {
    const valid = openrpc.validateOpenRPCDocument(structuredClone(document));
    if (valid !== true) return valid.message;
    await openrpc.parseOpenRPCDocument(structuredClone(document));
  } catch (error) {
    return error.message;
  }
}

const described = read("openrpc.json");
const method = (document, name) => document.methods.find((method) => method.name === name);

await check("OpenRPC: the document is valid, and its references lead somewhere", () =>
  accepts(refusedByOpenrpc, described));

await check("OpenRPC: what the testbed calls at its clients has the same form", () =>
  accepts(refusedByOpenrpc, { ...described, methods: described["x-client"].methods }));

/** A copy in which no type refers to itself: of one that does, OpenRPC's parser never finds the end. */
function withoutCircles(document) {
  const copy = structuredClone(document);
  const { schemas } = copy.components;
  const target = (value) => value?.$ref?.slice("#/components/schemas/".length);
  const cut = (value, path) => {
    for (const [key, child] of Object.entries(value)) {
      if (child === null || typeof child !== "object") continue;
      const name = target(child);
      if (path.includes(name)) value[key] = { title: "Circle" };
      else if (name !== undefined) cut(schemas[name], [...path, name]);
      else cut(child, path);
    }
  };
  for (const name of Object.keys(schemas)) cut(schemas[name], [name]);
  return copy;
}

await check("OpenRPC: documents with types of all kinds are valid", async () => {
  for (const name of KEPT) {
    const document = read(`${name}.openrpc.json`);
    if (openrpc.validateOpenRPCDocument(structuredClone(document)) !== true) throw new Error(name);
    await accepts(refusedByOpenrpc, withoutCircles(document));
  }
});

await check("OpenRPC: broken documents are refused", () =>
  refuses(refusedByOpenrpc, described, {
    "a method without a name": (document) => delete document.methods[0].name,
    "a parameter without a schema": (document) => delete method(document, "add").params[0].schema,
    "an error with a text as its code": (document) => (method(document, "area").errors[0].code = "ten"),
    "an extension of an error": (document) => (method(document, "area").errors[0]["x-data"] = {}),
    "a reference to nothing": (document) => delete document.components.schemas.Shape,
    "a version that is none": (document) => (document.openrpc = "one"),
  }));

await check("OpenRPC: each schema has a title, and no text that tools fail on", () => {
  const walk = (value, path) => {
    if (Array.isArray(value)) return value.forEach((item, index) => walk(item, [...path, index]));
    if (value === null || typeof value !== "object") return;
    for (const [key, child] of Object.entries(value)) {
      if (key === "schema" || key === "item" || key === "x-progress") {
        if (child === true) throw new Error(`${path.join(".")}.${key} is true`);
        if (!child.title && !child.$ref) throw new Error(`${path.join(".")}.${key} has no title`);
      }
      walk(child, [...path, key]);
    }
  };
  walk(described, []);
  for (const name of KEPT) walk(read(`${name}.openrpc.json`), [name]);
});

finish();

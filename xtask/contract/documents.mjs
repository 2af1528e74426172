// The parsers of OpenRPC and of AsyncAPI read the testbed's documents, and refuse broken copies.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import asyncapi from "@asyncapi/parser";
import openrpc from "@open-rpc/schema-utils-js";
import { check, finish } from "./harness.mjs";

const read = (name) => JSON.parse(readFileSync(join(process.argv[2], name), "utf8"));

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

/** The errors of AsyncAPI's parser; its warnings are advice. */
async function refusedByAsyncapi(document) {
  const { diagnostics } = await new asyncapi.Parser().parse(JSON.stringify(document));
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 0);
  return errors.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ") || undefined;
}

async function accepts(refused, document) {
  const why = await refused(document);
  if (why !== undefined) throw new Error(why);
}

/** Each copy is broken in one way, and refused. */
async function refuses(refused, document, breakages) {
  for (const [name, damage] of Object.entries(breakages)) {
    const broken = structuredClone(document);
    damage(broken);
    if ((await refused(broken)) === undefined) throw new Error(`${name}: it is accepted`);
  }
}

const described = read("openrpc.json");
const method = (document, name) => document.methods.find((method) => method.name === name);

await check("OpenRPC: the document is valid, and its references lead somewhere", () =>
  accepts(refusedByOpenrpc, described));

await check("OpenRPC: what the testbed calls at its clients has the same form", () =>
  accepts(refusedByOpenrpc, { ...described, methods: described["x-client"].methods }));

// Kept by tests, with types and names of all kinds.
const KEPT = ["sketch", "zoo"];

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

const events = read("asyncapi.json");

await check("AsyncAPI: the document has no errors", () => accepts(refusedByAsyncapi, events));

/** A document without members of this name, which AsyncAPI's parser sets as the prototype. */
const withoutProto = (document) => JSON.parse(JSON.stringify(document).replaceAll('"__proto__":', '"proto":'));

await check("AsyncAPI: documents with types of all kinds have no errors", async () => {
  for (const name of KEPT) await accepts(refusedByAsyncapi, withoutProto(read(`${name}.asyncapi.json`)));
});

await check("AsyncAPI: broken documents are refused", () =>
  refuses(refusedByAsyncapi, events, {
    "an action that is none": (document) => (document.operations["receive.add"].action = "answer"),
    "a reply to nothing": (document) => delete document.channels.connection.messages["receive.add.reply"],
    "a message that the channel does not have": (document) =>
      delete document.channels.connection.messages["send.page.confirm.request"],
    "a reference to no schema": (document) => delete document.components.schemas.Shape,
    "a version that is none": (document) => (document.asyncapi = "3"),
  }));

await check("AsyncAPI: both directions, with a reply for each request and none for a notification", () => {
  const names = (methods, action) => methods.map((method) => `${action}.${method.name}`);
  const due = [...names(described.methods, "receive"), ...names(described["x-client"].methods, "send")];
  const found = Object.keys(events.operations);
  if (String(due.sort()) !== String(found.sort())) throw new Error(`operations: ${found}`);
  for (const [action, methods] of [["receive", described.methods], ["send", described["x-client"].methods]]) {
    for (const { name, result } of methods) {
      const operation = events.operations[`${action}.${name}`];
      if ((operation.reply !== undefined) !== (result !== undefined)) throw new Error(`${action}.${name}`);
    }
  }
});

finish();

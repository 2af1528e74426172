// The parser of AsyncAPI reads the testbed's document, and refuses broken copies.

import asyncapi from "@asyncapi/parser";
import { KEPT, accepts, read, refuses } from "./documents.mjs";
import { check, finish } from "./harness.mjs";

/** The errors of AsyncAPI's parser; its warnings are advice. */
async function refusedByAsyncapi(document) {
  const { diagnostics } = await new asyncapi.Parser().parse(JSON.stringify(document));
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 0);
  return errors.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ") || undefined;
}

const described = read("openrpc.json");
const events = read("asyncapi.json");

// The parser takes seconds for a document.
const LIMIT_MS = 50_000;

await check("AsyncAPI: the document has no errors", () => accepts(refusedByAsyncapi, events), LIMIT_MS);

/** A document without members of this name, which AsyncAPI's parser sets as the prototype. */
const withoutProto = (document) => JSON.parse(JSON.stringify(document).replaceAll('"__proto__":', '"proto":'));

await check("AsyncAPI: documents with types of all kinds have no errors", async () => {
  for (const name of KEPT) await accepts(refusedByAsyncapi, withoutProto(read(`${name}.asyncapi.json`)));
}, LIMIT_MS);

const damages = {
  "an action that is none": (document) => (document.operations["receive.area"].action = "answer"),
  "a reply to nothing": (document) => delete document.channels.connection.messages["receive.area.reply"],
  "a message that the channel does not have": (document) =>
    delete document.channels.connection.messages["send.page.confirm.request"],
  "a reference to no schema": (document) => delete document.components.schemas.Shape,
  "a version that is none": (document) => (document.asyncapi = "3"),
};

await check("AsyncAPI: broken documents are refused", async () => {
  await refuses(refusedByAsyncapi, read("sketch.asyncapi.json"), damages);
}, LIMIT_MS);

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

// What the judges of documents share.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A document, as a value. */
export const read = (name) => JSON.parse(readFileSync(join(process.argv[2], name), "utf8"));

/** Documents that tests keep, with types and names of all kinds. */
export const KEPT = ["sketch", "zoo"];

export async function accepts(refused, document) {
  const why = await refused(document);
  if (why !== undefined) throw new Error(why);
}

/** Each copy is broken in one way, and refused. */
export async function refuses(refused, document, breakages) {
  for (const [name, damage] of Object.entries(breakages)) {
    const broken = structuredClone(document);
    damage(broken);
    if ((await refused(broken)) === undefined) throw new Error(`${name}: it is accepted`);
  }
}

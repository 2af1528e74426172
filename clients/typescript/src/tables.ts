// The tables that generated code has.

import type { Method } from "./types.js";
import type { Json } from "./wire.js";

/** The rows of a table by their keys. */
export const rowsOf = ({ version, methods }: Json): Record<string, Method> => {
  if (version != 1) throw new TypeError(`a table of version ${version}, not 1`);
  return methods;
};

// The texts of messages, and what is read from them.

import { RpcError } from "./errors.js";

/** A value that was parsed from JSON, and may be anything. */
export type Json = any;

/** What a call or a stream failed with. */
export type Failure = readonly [error: unknown] | undefined;

/** The most elements of a batch, of either side. */
export const MOST_IN_BATCH = 256;

export const json = JSON.stringify;

/** The bytes of a text in UTF-8. */
export const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** The text of a message. Throws if a member is no JSON. */
export const message = (members: object): string => json({ jsonrpc: "2.0", ...members });

/** An error of the framework. Its kind is its message, unless `data` has another. */
export const failure = (code: number, text: string, data?: object): RpcError =>
  new RpcError(code, text, { kind: text.toLowerCase().replaceAll(" ", "_"), ...data });
export const invalid = (): RpcError => failure(-32600, "Invalid Request");
export const cancelled = (): RpcError => failure(-32800, "Request cancelled", { kind: "cancelled" });

/** The error object for what was thrown. The peer hears only of an `RpcError`, less data that is no JSON. */
export const errorObject = (thrown: unknown): object => {
  let { code, message, data } = thrown instanceof RpcError ? thrown : failure(-32603, "Internal error");
  try {
    json(data);
  } catch {
    data = undefined;
  }
  return { code, message, data };
};

/** The response with what a handler has thrown. */
export const errorReply = (id: Json, thrown: unknown): string => message({ id, error: errorObject(thrown) });

/** The error that a peer sent, or one that says that it is none. */
export const decodeError = (error: Json): Error =>
  Number.isInteger(error?.code)
    ? new RpcError(error.code, typeof error.message == "string" ? error.message : "", error.data)
    : new TypeError("no error object");

import type { Close } from "./types.js";

/**
 * An error that the peer answered with, or that a served method answers with when it throws one.
 *
 * Codes from -32768 to -32000, and -32800, are the framework's: `data.kind` names the error.
 */
export class RpcError<Code extends number = number, Data = unknown> extends Error {
  /** An integer. */
  declare readonly code: Code;
  /** More about the error; `undefined` if the peer sent none. */
  declare readonly data: Data;

  constructor(code: Code, message: string, data?: Data) {
    super(message);
    Object.assign(this, { name: "RpcError", code, data });
  }
}

/** The connection has ended, or there is none and no place to wait for one. */
export class ClosedError extends Error {
  /** How the last connection ended. */
  declare readonly close: Close;
  /** Whether the request was sent, so that the method may have run. */
  declare readonly sent: boolean;

  constructor(close: Close, sent: boolean) {
    super(`closed: ${close.code} ${close.reason}`);
    Object.assign(this, { name: "ClosedError", close, sent });
  }
}

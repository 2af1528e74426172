// Built from clients/typescript/src by `npm run build`. Do not edit.
import type { Close } from "./types.js";
/**
 * An error that the peer answered with, or that a served method answers with when it throws one.
 *
 * Codes from -32768 to -32000, and -32800, are the framework's: `data.kind` names the error.
 */
export declare class RpcError<Code extends number = number, Data = unknown> extends Error {
    /** An integer. */
    readonly code: Code;
    /** More about the error; `undefined` if the peer sent none. */
    readonly data: Data;
    constructor(code: Code, message: string, data?: Data);
}
/** The connection has ended, or there is none and no place to wait for one. */
export declare class ClosedError extends Error {
    /** How the last connection ended. */
    readonly close: Close;
    /** Whether the request was sent, so that the method may have run. */
    readonly sent: boolean;
    constructor(close: Close, sent: boolean);
}

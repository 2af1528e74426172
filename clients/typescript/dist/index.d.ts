// Built from clients/typescript/src by `npm run build`. Do not edit.
/**
 * Calls between a web page, or any JavaScript program, and a birpc server, both ways over one WebSocket.
 *
 * @packageDocumentation
 */
export { connect } from "./connect.js";
export { ClosedError, RpcError } from "./errors.js";
export type * from "./types.js";

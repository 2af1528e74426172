// Built from clients/typescript/src by `npm run build`. Do not edit.
import type { ConnectOptions, Peer } from "./types.js";
/** Where to connect to: a URL, or a function that is asked for it before each attempt. */
export type Address = string | URL | (() => string | URL | Promise<string | URL>);
/**
 * Connects to a server that speaks JSON-RPC 2.0 over WebSockets. The peer is there at once: calls that are
 * made before the connection is open wait for it.
 *
 * @param url Where to. A function can add a fresh token at each attempt; if it fails, the attempt has failed.
 */
export declare function connect(url: Address, options?: ConnectOptions): Peer;

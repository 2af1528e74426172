// What the calls of both sides use of their connection.

import type { Json } from "./wire.js";

/**
 * Takes what follows the call's id, and the number of its argument, in the params of a word. Its message has
 * so many bytes.
 */
export type Listener = (params: Json[], size: number) => void;

/** Hears of the response to the call with this number, or of a word with these first params (`item[1]`). */
export type Listen = (to: number | string, listener: Listener) => void;

/** What belongs to a call while it is open. */
export interface Scope {
  listen: Listen;
  /** What else ends with it. */
  ends: (() => unknown)[];
  /** Ends all of it. */
  close(): void;
}

/** The connection, and who listens to its messages. */
export interface Link {
  /** Whether the peer speaks `birpc.v1`. */
  v1: boolean;
  /** The largest message that is sent, in bytes. */
  maxMessage: number;
  /** Sends a message. */
  send(text: string): void;
  /** Returns the text, or throws if it is too large for a message. */
  fit(text: string): string;
  /** Sends a notification of birpc's own. The last params may be there as texts. */
  tell(name: string, params: Json, texts?: string[]): void;
  /** The bytes that wait for the network. */
  buffered(): number | undefined;
  heard: Map<number | string, Listener>;
  /** Opens a call. When the connection ends, `lose` is called with the reason. */
  scope(lose: (error: Error, again: boolean) => void): Scope;
}

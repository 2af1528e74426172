// What the calls of both sides use of their connection.

import type { Json } from "./wire.js";

/**
 * Takes the params that follow the call's id, and the number of its argument, in a message of so many
 * characters.
 */
export type Listener = (params: Json[], length: number) => void;

/** Adds a listener for a word about a call, or about an argument of it. */
export type Listen = (name: string, at: Json[], listener: Listener) => void;

/** The connection, and who listens to its messages. */
export interface Link {
  /** Whether the peer speaks `birpc.v1`. */
  v1: boolean;
  /** Sends a message. */
  send(text: string): void;
  /** The largest message that is sent, in bytes. */
  maxMessage: number;
  /** Returns the text, or throws if it is too large for a message. */
  fit(text: string): string;
  /** Sends a notification of birpc's own, whose last params are there as texts. */
  tell(name: string, params: Json[], texts?: string[]): void;
  /** The bytes that wait for the network. */
  buffered(): number;
  /** Returns what adds listeners, and what has to be done when they are not needed any more. */
  scope(): [listen: Listen, ends: (() => void)[]];
  /** The listener for a word with these first params. */
  find(name: string, at: Json[]): Listener | undefined;
}

// Built from clients/typescript/src by `npm run build`. Do not edit.
/** What one method of a {@link Table} is. Generated code writes these rows. */
export interface Method {
    /** The method's name on the wire. */
    readonly name: string;
    /** The names of its parameters, in order. */
    readonly params: readonly string[];
    /**
     * How the params are sent: in an array, unless it is `"named"` (an object) or `"single"` (the one parameter
     * itself).
     */
    readonly style?: "named" | "single";
    /** It is a notification: nothing is answered. */
    readonly notification?: boolean;
    /** Its result is a stream. */
    readonly stream?: boolean;
    /** The indexes of the parameters that are streams. */
    readonly streams?: readonly number[];
    /** The indexes of the parameters that may be missing, if the method is served. */
    readonly optional?: readonly number[];
    /** It may run twice, so it is sent again when its connection is lost. */
    readonly idempotent?: boolean;
    /** It reports progress. */
    readonly progress?: boolean;
}
/**
 * The methods of a trait that the other side serves, for {@link Peer.call}. `C` is the interface of its stub.
 */
export interface Table<C> {
    /** The version of this format. A runtime refuses another. */
    readonly version: 1;
    /** A row for each method of `C`. */
    readonly methods: {
        readonly [K in keyof C]: Method;
    };
}
/**
 * The methods of a trait that this side serves, with their implementation, for {@link ConnectOptions.serve}.
 */
export interface Served {
    /** The version of this format. A runtime refuses another. */
    readonly version: 1;
    /** A row for each method of the implementation. */
    readonly methods: {
        readonly [key: string]: Method;
    };
    /** An object whose methods have the keys of `methods`. */
    readonly implementation: object;
}
/** What a call takes behind its params. */
export interface CallOptions {
    /** Cancels the call. It rejects with the signal's reason, and the peer is told. */
    signal?: AbortSignal | undefined;
    /**
     * The time limit in milliseconds, over all connections. When exceeded, the call rejects with a
     * `DOMException` named `TimeoutError` and the peer is told. For a result that is a stream it ends with the
     * opening.
     */
    timeout?: number | undefined;
}
/** What a call of a method with progress takes behind its params. */
export interface ProgressOptions<P> extends CallOptions {
    /** Is called with each report, before the call resolves. The peer reports nothing if this is missing. */
    onprogress?: ((value: P) => void) | undefined;
}
/** What a served method gets behind its params. */
export interface CallContext {
    /** Is aborted when the caller cancels, and when the connection ends. */
    readonly signal: AbortSignal;
    /** The caller. Its calls do not wait for {@link ConnectOptions.onconnect}. */
    readonly peer: Peer;
}
/** What a served method with progress gets behind its params. */
export interface ProgressContext<P> extends CallContext {
    /** Reports progress, if the caller wants it. Of several reports at once the newest is sent. */
    progress(value: P): void;
}
/**
 * Items that arrive, for one `for await` loop. Leaving the loop stops them at the sender. A loop that ends by
 * itself has seen all of them; everything else is thrown.
 */
export type Stream<T> = AsyncGenerator<T, void, void>;
/** Items to send: an async generator, an array, a `ReadableStream`, … */
export type Items<T> = AsyncIterable<T> | Iterable<T>;
/** What a served method returns whose result is a stream. */
export type Produced<T> = Items<T> | Promise<Items<T>>;
/** How a connection ended. */
export interface Close {
    /** The close code (RFC 6455 §7.4). 1006: it was lost, or never opened. */
    readonly code: number;
    /** The reason in words, or an empty text. */
    readonly reason: string;
}
/**
 * - `connecting`: an attempt runs, or {@link ConnectOptions.onconnect} does
 * - `open`
 * - `waiting`: there is no connection, and another attempt follows
 * - `closed`: for good
 */
export type State = "connecting" | "open" | "waiting" | "closed";
/** Settings of {@link connect}. */
export interface ConnectOptions {
    /** What the server may call. */
    serve?: readonly Served[];
    /**
     * Runs on each connection before other calls are sent, with a peer whose calls go out at once: log in here.
     */
    onconnect?: (peer: Peer) => unknown;
    /** The implementation of `WebSocket`, where there is no global one (Node 20: the class of npm's `ws`). */
    WebSocket?: new (url: string, protocols: string[]) => Socket;
    /** The time limit of calls that set none, in milliseconds. None unless it is set. */
    timeout?: number;
    /**
     * How many calls and notifications may wait for a connection or for credit; 1024. When exceeded, they
     * reject.
     */
    queue?: number;
    /** The largest message that is sent, in bytes; 1 048 576, as a birpc server takes. */
    maxMessage?: number;
    /**
     * The silence in milliseconds after which this side sends a ping, and after as much more gives up; 20 000.
     */
    heartbeat?: number;
    /**
     * `false`: one connection, no other. Otherwise the bounds of the first delay and of the longest one, in
     * milliseconds; 250 and 30 000. The delays are random, and double from the first bound to the other.
     */
    reconnect?: false | {
        first?: number;
        most?: number;
    };
}
/** What birpc uses of a `WebSocket`. */
export interface Socket {
    readonly protocol: string;
    readonly readyState: number;
    readonly bufferedAmount: number;
    binaryType: string;
    onopen: ((event: any) => void) | null;
    onmessage: ((event: any) => void) | null;
    onerror: ((event: any) => void) | null;
    onclose: ((event: any) => void) | null;
    send(data: string): void;
    close(code?: number, reason?: string): void;
}
/** The results of the calls of a batch. */
export type Results<T extends readonly unknown[]> = {
    -readonly [K in keyof T]: Awaited<T[K]>;
};
/** The other side, over all connections of a client. */
export interface Peer {
    /**
     * The stub of a trait that the other side serves. Calls that are made without a connection wait for one.
     */
    call<C>(table: Table<C>): C;
    /**
     * Sends all calls and notifications that `calls` makes in one message, and resolves to their results.
     * Rejects with the first error, as `Promise.all` does. Methods with streams cannot be called in a batch.
     */
    batch<const T extends readonly unknown[]>(calls: () => T): Promise<Results<T>>;
    /** Whether there is a connection. */
    readonly state: State;
    /** Calls `listener` with each new state. The function that is returned ends that. */
    onstate(listener: (state: State) => void): () => void;
    /** The subprotocol of the connection: `birpc.v1`, `jsonrpc`, or an empty text. */
    readonly protocol: string;
    /** Resolves when there will be no connection any more. */
    readonly closed: Promise<Close>;
    /**
     * Closes for good. What was sent before is delivered; calls in flight reject with a {@link ClosedError}.
     *
     * @param code 1000, the default, or 3000 to 4999.
     * @param reason At most 123 bytes of UTF-8.
     * @throws RangeError for another code, or a longer reason.
     */
    close(code?: number, reason?: string): void;
}

// What must compile, and what must not, of a contract as generated code writes it.

import * as birpc from "@birpc/client";
import { ClosedError, connect } from "@birpc/client";

export type Shape = { kind: "circle"; r: number } | { kind: "rect"; w: number; h: number };

export type AreaError = birpc.RpcError<10, { field: string }> | birpc.RpcError<11, undefined>;

export const isAreaError = (error: unknown): error is AreaError =>
  error instanceof birpc.RpcError && [10, 11].includes(error.code);

export interface BedClient {
  add(a: number, b: number, options?: birpc.CallOptions): Promise<number>;
  area(shape: Shape, options?: birpc.CallOptions): Promise<number>;
  count(from: number, to: number, step_ms?: number | null, options?: birpc.CallOptions): birpc.Stream<number>;
  sum(numbers: birpc.Items<number>, options?: birpc.CallOptions): Promise<number>;
  build(steps: number, options?: birpc.ProgressOptions<{ done: number }>): Promise<string>;
  log(line: string, options?: birpc.CallOptions): Promise<void>;
}

export const bed: birpc.Table<BedClient> = {
  version: 1,
  methods: {
    add: { name: "add", params: ["a", "b"] },
    area: { name: "area", params: ["shape"], style: "named" },
    count: { name: "count", params: ["from", "to", "step_ms"], optional: [2], stream: true },
    sum: { name: "sum", params: ["numbers"], streams: [0] },
    build: { name: "build", params: ["steps"], progress: true },
    log: { name: "log", params: ["line"], notification: true, idempotent: true },
  },
};

export interface PageService {
  confirm(question: string, context: birpc.CallContext): boolean | Promise<boolean>;
  feed(n: number, context: birpc.CallContext): birpc.Produced<number>;
  total(numbers: birpc.Stream<number>, context: birpc.CallContext): Promise<number>;
  work(context: birpc.ProgressContext<number>): void;
}

export const page = (implementation: PageService): birpc.Served => ({
  version: 1,
  implementation,
  methods: {
    confirm: { name: "page.confirm", params: ["question"] },
    feed: { name: "page.feed", params: ["n"], stream: true },
    total: { name: "page.total", params: ["numbers"], streams: [0] },
    work: { name: "page.work", params: [], progress: true },
  },
});

/** Holds that two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>() => {};

export async function right(signal: AbortSignal) {
  const service = page({
    confirm: (question, { signal, peer }) => question.length > 1 && !signal.aborted && peer.state == "open",
    async *feed(n) {
      for (let i = 0; i < n; i++) yield i;
    },
    async total(numbers) {
      let total = 0;
      for await (const n of numbers) total += n;
      return total;
    },
    work: ({ progress }) => progress(1),
  });
  const peer = connect(async () => new URL("wss://example.com/"), {
    serve: [service],
    onconnect: (peer) => peer.call(bed).add(1, 2),
    reconnect: { first: 100 },
    WebSocket,
  });
  connect("ws://example.com/", { reconnect: false });
  const stub = peer.call(bed);
  const sum = await stub.add(1, 2, { signal, timeout: 5_000 });
  holds<Same<typeof sum, number>>();
  await stub.area({ kind: "circle", r: 1 });
  for await (const n of stub.count(0, 3, undefined, { signal })) holds<Same<typeof n, number>>();
  await stub.sum([1, 2]);
  await stub.sum(
    (async function* () {
      yield 1;
    })(),
  );
  await stub.build(3, { onprogress: ({ done }) => done.toFixed() });
  const [three, nothing] = await peer.batch(() => [stub.add(1, 2), stub.log("x")]);
  holds<Same<typeof three, number>>();
  holds<Same<typeof nothing, void>>();
  try {
    await stub.area({ kind: "rect", w: 1, h: 2 });
  } catch (error) {
    if (isAreaError(error)) {
      switch (error.code) {
        case 10:
          holds<Same<typeof error.data, { field: string }>>();
          break;
        case 11:
          holds<Same<typeof error.data, undefined>>();
          break;
      }
    } else if (error instanceof ClosedError) holds<Same<typeof error.close.code, number>>();
  }
  const stop = peer.onstate((state) => state == "waiting");
  stop();
  peer.close(1000, "bye");
  holds<Same<Awaited<typeof peer.closed>, birpc.Close>>();
}

export async function wrong() {
  const peer = connect("ws://example.com/");
  const stub = peer.call(bed);
  // @ts-expect-error there is no such method
  stub.subtract(1, 2);
  // @ts-expect-error an argument of another type
  stub.add("1", 2);
  // @ts-expect-error an argument is missing
  stub.add(1);
  // @ts-expect-error an option that there is not
  stub.add(1, 2, { tiemout: 1 });
  // @ts-expect-error the options of progress, for a method without it
  stub.add(1, 2, { onprogress: () => {} });
  // @ts-expect-error a result of another type
  const text: string = await stub.add(1, 2);
  // @ts-expect-error a stream is no promise
  (await stub.count(0, 1)).toFixed();
  // @ts-expect-error items of another type
  stub.sum(["1"]);
  // @ts-expect-error a shape that there is not
  stub.area({ kind: "triangle" });
  // @ts-expect-error a progress of another type
  stub.build(1, { onprogress: (value: string) => value });
  // @ts-expect-error states are not set
  peer.state = "open";
  // @ts-expect-error there is no such state
  peer.onstate((state) => state == "opened");
  // @ts-expect-error a method is missing
  page({ confirm: () => true });
  // @ts-expect-error a method answers with another type
  page({ confirm: () => "yes", feed: () => [], total: async () => 1, work: () => {} });
  // @ts-expect-error a table of another version
  const newer: birpc.Table<BedClient> = { ...bed, version: 2 };
  // @ts-expect-error a row is missing
  const less: birpc.Table<BedClient> = { version: 1, methods: { add: bed.methods.add } };
  const error: unknown = undefined;
  if (isAreaError(error)) {
    // @ts-expect-error no error of the method has this code
    error.code == 12;
    // @ts-expect-error only one of them has a field
    error.data.field;
  }
  return [text, newer, less];
}

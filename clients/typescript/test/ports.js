// Two clients that are each other's server, over the two ports of a MessageChannel: as a page and its worker.

import { ClosedError, connect } from "../dist/index.js";
import { check, collect, equal, rejection } from "./harness.js";
import { served, testbed } from "./tables.js";

/** Makes a socket of anything with `postMessage`. What is posted is a text, or how the other side closes. */
const overPort = (port) =>
  class {
    protocol = "birpc.v1";
    readyState = 1;
    bufferedAmount = 0;
    binaryType = "";
    onopen = null;
    onmessage = null;
    onerror = null;
    onclose = null;

    constructor() {
      port.onmessage = ({ data }) => {
        if (typeof data == "string") return this.onmessage?.({ data });
        port.close();
        this.onclose?.(data);
      };
      queueMicrotask(() => this.onopen?.({}));
    }

    send(text) {
      port.postMessage(text);
    }

    close(code = 1005, reason = "") {
      port.postMessage({ code, reason });
      setTimeout(() => port.close());
    }
  };

await check("a page and its worker call each other by ports", async (later) => {
  const { port1, port2 } = new MessageChannel();
  const methods = served({
    title: () => "the worker",
    double_it: async (n, { peer }) => n + (await peer.call(testbed).add(n, 0)),
    async *twice(numbers) {
      for await (const n of numbers) yield 2 * n;
    },
    wait: () => new Promise(() => {}),
  });
  const bed = { version: 1, methods: { add: { name: "add", params: ["a", "b"] } } };
  const worker = connect("port:", { WebSocket: overPort(port2), serve: [methods], reconnect: false });
  const page = connect("port:", {
    WebSocket: overPort(port1),
    serve: [{ ...bed, implementation: { add: (a, b) => a + b } }],
    reconnect: false,
  });
  later(() => (page.close(), worker.close()));
  const stub = page.call(served({}));
  equal([await stub.title(), await stub.double_it(21), page.protocol], ["the worker", 42, "birpc.v1"]);
  const hundred = Array.from({ length: 100 }, (_, i) => i);
  equal(
    await collect(stub.twice(hundred)),
    { items: hundred.map((n) => 2 * n) },
    "streams both ways",
  );
  const open = rejection(stub.wait());
  await stub.title();
  worker.close(3000, "done");
  equal([await page.closed, (await open) instanceof ClosedError], [{ code: 3000, reason: "done" }, true]);
});

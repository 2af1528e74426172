// What the tests need of any engine: Node, Bun, Deno and a browser.

const { Deno: deno, process, location } = globalThis;

/** The arguments of a run: environment variables, or the query of the page. */
export const setting = (name) =>
  location?.search
    ? new URLSearchParams(location.search).get(name)
    : deno
      ? deno.env.get(name)
      : process.env[name];

/** The engine's WebSocket. Node 20 has none, so there it is npm's `ws`. */
export const WebSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;

/**
 * The text of a file of the repository, whose root is the setting ROOT, or where it is seen from this file.
 */
export async function textOf(path) {
  const url = new URL(path, setting("ROOT") ?? new URL("../../../", import.meta.url));
  if (url.protocol != "file:") return (await fetch(url)).text();
  return (await import("node:fs/promises")).readFile(url, "utf8");
}

let failed = 0;
let passed = 0;

// What a check leaves behind when it fails is no further failure; everything else is.
const unhandled = (error) => {
  if (!failed) console.log(`not ok - nobody handles: ${error?.stack ?? error}`.replaceAll("\n", " | "));
  failed++;
};
if (process?.on && !deno) process.on("unhandledRejection", unhandled);
else {
  globalThis.addEventListener?.("unhandledrejection", (event) => {
    event.preventDefault();
    unhandled(event.reason);
  });
}

/** Makes a check, and prints whether it passed. */
export async function check(name, run) {
  const undo = [];
  try {
    await within(
      20_000,
      run((last) => undo.push(last)),
    );
    passed++;
    console.log(`ok - ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok - ${name}: ${error?.stack ?? error}`.replaceAll("\n", " | "));
  }
  for (const last of undo) last();
}

/** Prints the sum. The page is done when its title says so. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  if (globalThis.document) document.title = "done";
  else if (deno) deno.exit(failed ? 1 : 0);
  else process.exit(failed ? 1 : 0);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Lets other events of the engine have their turn. */
export const turn = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });

/** Lets everything happen that needs no timer. */
export const settled = async () => {
  for (let i = 0; i < 3; i++) await turn();
};

export function within(ms, promise) {
  let timer;
  const late = new Promise(
    (_, reject) => (timer = setTimeout(() => reject(new Error(`not in ${ms} ms`)), ms)),
  );
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Waits until a condition holds. */
export async function until(condition) {
  for (;;) {
    const value = await condition();
    if (value) return value;
    await sleep(5);
  }
}

/** A value as one text, whatever the order of its members. */
const canonical = (value) =>
  JSON.stringify(value, (_, part) =>
    part && typeof part == "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part === undefined
        ? "undefined"
        : part,
  );

export function equal(actual, expected, what = "") {
  if (canonical(actual) !== canonical(expected)) {
    throw new Error(
      `${what} is ${canonical(actual)?.slice(0, 2000)}, not ${canonical(expected)?.slice(0, 2000)}`,
    );
  }
}

/** What a promise rejects with. */
export const rejection = (promise) =>
  promise.then(
    (value) => {
      throw new Error(`it resolved to ${JSON.stringify(value)}`);
    },
    (error) => error,
  );

/** The items of a stream, and what it failed with. */
export async function collect(stream) {
  const items = [];
  try {
    for await (const item of stream) items.push(item);
    return { items };
  } catch (error) {
    return { items, error };
  }
}

// The smallest check harness that `cargo xtask interop` can read: one line per check on standard output.

const CHECK_LIMIT_MS = 10_000; // far below the limit of the whole script, so that one hanging check is named

let failures = 0;

// A check that fails leaves calls behind that nobody awaits any more; node would end the script over them.
process.on("unhandledRejection", () => {});

/** Runs one check and prints `ok - name`, or `not ok - name: why`. A check that throws has failed. */
export async function check(name, body, limit = CHECK_LIMIT_MS) {
  const cleanups = [];
  const later = (cleanup) => cleanups.push(cleanup);
  try {
    await within(limit, "the check to end", body(later));
    console.log(`ok - ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`not ok - ${name}: ${oneLine(error)}`);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

/** Ends the script: a status of 1 if any check failed, whatever sockets are still open. */
export function finish() {
  process.exit(failures === 0 ? 0 : 1);
}

/** The testbed's URL: the script's argument, as given by hand, or `URL` as xtask sets it. */
export function testbedUrl() {
  const url = process.argv[2] ?? process.env.URL;
  if (!url) throw new Error("no testbed to check: give its URL as the argument, ws://127.0.0.1:PORT/");
  return url;
}

/** Awaits `promise`, or fails once `ms` milliseconds have passed, saying what was awaited in vain. */
export async function within(ms, what, promise) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** The error that `promise` is rejected with; fails if it is fulfilled. */
export async function rejection(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`an error was due, but the answer is ${JSON.stringify(value)}`);
}

function oneLine(error) {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, " ").slice(0, 600);
}

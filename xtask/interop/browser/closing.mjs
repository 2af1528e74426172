// Close codes and reasons, in both directions: what the page's CloseEvent says, and what the server saw.

import assert from "node:assert/strict";
import { check, finish, within } from "../node/harness.mjs";
import { call, launch, open } from "./browser.mjs";

const CLOSES = [[1000, "done"], [1001, "the server is shutting down"], [3000, "not authorised"], [4001, "enough, é🦀"]];

const browser = await launch();
const watcher = await watch(() => {}); // open until the browser ends

for (const [code, reason] of [...CLOSES, [4999, "x".repeat(123)], [1000, ""]]) {
  await check(`the page sees the server's close with ${code} "${reason.slice(0, 20)}"`, async (later) => {
    const page = await open(browser, later);
    call(page, "close", [code, reason]).catch(() => {}); // it may be answered, or cut off
    assert.deepEqual(await closeEvent(page), { code, reason, wasClean: true });
  });
}

await check("the server refuses to send codes that may not be sent, and stays", async (later) => {
  const page = await open(browser, later);
  for (const code of [0, 999, 1005, 1006, 1015, 2000, 5000]) {
    assert.equal((await call(page, "close", [code, ""])).failed.code, 2);
  }
  assert.equal(await call(page, "add", [1, 2]), 3);
});

// To a page 1001 is forbidden: it is the browser's own, for pages that go away.
for (const [code, reason] of CLOSES.filter(([code]) => code !== 1001)) {
  await check(`the server sees the page's close with ${code} "${reason}"`, async (later) => {
    const page = await open(browser, later);
    const { peer: id } = await call(page, "whoami", []);
    await page.evaluate(([code, reason]) => peer.socket.close(code, reason), [code, reason]);
    assert.deepEqual(await closeEvent(page), { code, reason, wasClean: true });
    assert.deepEqual(await left(id), [id, code, reason, true]);
  });
}

await check("a close without a code is 1005 to both", async (later) => {
  const page = await open(browser, later);
  const { peer: id } = await call(page, "whoami", []);
  await page.evaluate(() => peer.socket.close());
  assert.deepEqual(await closeEvent(page), { code: 1005, reason: "", wasClean: true });
  assert.deepEqual(await left(id), [id, 1005, "", true]);
});

for (const [how, go] of [
  ["goes to another address", (page) => page.goto("about:blank")],
  ["is reloaded", (page) => page.reload()],
  ["is shut", (page) => page.close()],
]) {
  await check(`the server sees 1001 when the page ${how}`, async (later) => {
    const page = await open(browser, later);
    const { peer: id } = await call(page, "whoami", []);
    await go(page);
    assert.deepEqual(await left(id), [id, 1001, "", true]);
  });
}

await check("a message over the limit is answered with 1009", async (later) => {
  const page = await open(browser, later);
  call(page, "echo", ["x".repeat(2 * 1024 * 1024)]).catch(() => {});
  // Clean to a browser only if it had sent all of the message by then, so that is left open.
  const { code, reason } = await closeEvent(page);
  assert.equal(code, 1009);
  assert.match(reason, /the limit is 1048576 \(`max_message_in`\)$/);
});

await browser.close();
finish();

/** What the page's CloseEvent says, once it comes. */
function closeEvent(page) {
  const event = page.evaluate(() => peer.closed.then(({ code, reason, wasClean }) => ({ code, reason, wasClean })));
  return within(5_000, "the page's close event", event);
}

/** Opens a page that keeps what the server tells of others that left. */
async function watch(later) {
  const page = await open(browser, later);
  await page.evaluate(() => {
    globalThis.gone = [];
    methods.left = (...told) => gone.push(told);
  });
  return page;
}

/** What the watching page was told of the peer that left. */
async function left(id) {
  const told = watcher.waitForFunction((id) => gone.find(([peer]) => peer === id), id, { timeout: 5_000 });
  return (await told).jsonValue();
}

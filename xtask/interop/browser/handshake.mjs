// What a browser's WebSocket offers, agrees on, and is refused.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { check, finish } from "../node/harness.mjs";
import { RPC, SITE, blank, launch, open, refused } from "./browser.mjs";

const browser = await launch();

for (const [offered, agreed] of [
  [["birpc.v1", "jsonrpc"], "birpc.v1"],
  [["jsonrpc", "birpc.v1"], "birpc.v1"], // the server's order counts
  [["jsonrpc"], "jsonrpc"],
  [["unknown.v7", "jsonrpc"], "jsonrpc"],
  [[], ""],
]) {
  await check(`offering [${offered}] agrees on "${agreed}"`, async (later) => {
    const page = await open(browser, later);
    const [protocol, { protocol: seen }] = await connect(page, offered);
    assert.deepEqual([protocol, seen ?? ""], [agreed, agreed]);
  });
}

for (const offered of [["birpc.v1", "bearer.x"], ["bearer.x", "birpc.v1"], ["bearer.x", "jsonrpc"]]) {
  await check(`the token in [${offered}] reaches the server, and is not echoed`, async (later) => {
    const page = await open(browser, later);
    const [protocol, { token }] = await connect(page, offered);
    assert.deepEqual([protocol, token], [offered.find((name) => name !== "bearer.x"), "x"]);
  });
}

for (const offered of [["unknown.v7"], ["unknown.v7", "unknown.v8"], ["bearer.x"]]) {
  await check(`offering only [${offered}] is refused`, async (later) => {
    assertRefused(await refused(await open(browser, later), RPC, offered), 400);
  });
}

await check("a page of another port is refused", async (later) => {
  const other = createServer((_, response) => response.setHeader("content-type", "text/html").end("<p>another"));
  await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
  later(() => void other.close());
  const page = await blank(browser, later);
  await page.goto(`http://127.0.0.1:${other.address().port}/`);
  assertRefused(await refused(page, RPC, ["birpc.v1", "jsonrpc"]), 403);
  assertRefused(await refused(page, RPC), 403);
});

await check("a page of another host name is refused, and welcome under its own", async (later) => {
  const page = await blank(browser, later);
  const named = new URL(SITE);
  named.hostname = "localhost"; // the same server
  await page.goto(named.href);
  assertRefused(await refused(page, RPC), 403);
  const { origin } = await page.evaluate(() => peer.opened.then(() => peer.call("whoami", [])));
  assert.equal(origin, named.origin);
});

await check("a page without an origin of its own is refused", async (later) => {
  const page = await open(browser, later);
  await page.evaluate(() => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts"; // and not allow-same-origin, so that its Origin is null
    frame.srcdoc = "<p>sandboxed";
    return new Promise((resolve) => { frame.onload = resolve; document.body.append(frame); });
  });
  const frame = page.frames().find((frame) => frame.parentFrame());
  assert.equal(await frame.evaluate(() => window.origin), "null");
  assertRefused(await refused(page, RPC, [], frame), 403);
});

await browser.close();
finish();

/** Makes one more connection from the example's page: what it agreed on, and what the server knows of it. */
function connect(page, protocols) {
  return page.evaluate(async ([url, protocols]) => {
    const { socket, opened, call } = globalThis.connect(url, protocols, {});
    await opened;
    const known = [socket.protocol, await call("whoami", [])];
    socket.close();
    return known;
  }, [RPC, protocols]);
}

/** The page learns no more than that it failed; the browser knows the status. */
function assertRefused({ why, ...seen }, status) {
  assert.deepEqual(seen, { events: ["error", "close"], code: 1006, wasClean: false });
  assert.match(why, new RegExp(`Unexpected response code: ${status}\\b`));
}

// Pages cannot reach `birpc bridge`, unless the user has allowed theirs.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { start, urlOf } from "../node/birpc.mjs";
import { check, finish } from "../node/harness.mjs";
import { blank, launch, refused } from "./browser.mjs";

const browser = await launch();

await check("a page is refused by the bridge, also under another name of this machine", async (later) => {
  const url = await urlOf(start(["bridge", "--", "cat"], later));
  const page = await pageOf(await site(later), later);
  for (const target of [url, url.replace("127.0.0.1", "localhost")]) {
    const { why, ...seen } = await refused(page, target, ["jsonrpc"]);
    assert.deepEqual(seen, { events: ["error", "close"], code: 1006, wasClean: false });
    assert.match(why, /Unexpected response code: 403/);
  }
});

await check("a page that the user has allowed talks to the command", async (later) => {
  const origin = await site(later);
  const url = await urlOf(start(["bridge", "--origin", origin, "--", "cat"], later));
  const page = await pageOf(origin, later);
  const text = await page.evaluate((url) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.onopen = () => socket.send('{"é":1}');
    socket.onmessage = ({ data }) => resolve(data);
    socket.onclose = () => reject(new Error("it closed"));
  }), url);
  assert.equal(text, '{"é":1}');
  const stranger = await pageOf(await site(later), later);
  assert.match((await refused(stranger, url)).why, /Unexpected response code: 403/);
});

await browser.close();
finish();

/** A site of its own; its origin. */
async function site(later) {
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end("<p>a page"));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  later(() => void server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

async function pageOf(origin, later) {
  const page = await blank(browser, later);
  await page.goto(origin);
  return page;
}

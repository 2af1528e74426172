// The example's page and its server call each other, with nothing but the plain WebSocket API in the page.

import assert from "node:assert/strict";
import { check, finish, within } from "../node/harness.mjs";
import { SITE, call, launch, open } from "./browser.mjs";

const browser = await launch();

await check("the page is served, and connects to its own port as birpc.v1", async (later) => {
  const errors = [];
  const page = await open(browser, later, (page) => {
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  });
  await page.getByText("connected, and agreed on birpc.v1").waitFor();
  const socket = await page.evaluate(() => [peer.socket.readyState, peer.socket.protocol, peer.socket.extensions]);
  assert.deepEqual(socket, [1, "birpc.v1", ""]);
  const { protocol, origin, remote } = await call(page, "whoami", []);
  assert.deepEqual([protocol, origin], ["birpc.v1", new URL(SITE).origin]);
  assert.match(remote, /^127\.0\.0\.1:\d+$/);
  assert.deepEqual(errors, []);
});

await check("the page calls the server", async (later) => {
  const page = await open(browser, later);
  assert.equal(await call(page, "add", [2, 3]), 5);
  assert.equal(await call(page, "add", { b: 3, a: -5 }), -2);
  for (const value of [null, 0, 1.5, "", "é ñ 汉字 עברית 🦀", [], { a: [{}] }, "long ".repeat(100_000)]) {
    assert.deepEqual(await call(page, "echo", [value]), value);
  }
  assert.equal((await call(page, "none_such", [])).failed.code, -32601);
  assert.equal((await call(page, "add", ["one", 2])).failed.code, -32602);
  assert.equal((await call(page, "add", [Number.MAX_SAFE_INTEGER, 1])), 2 ** 53);
});

await check("the page answers the server's calls", async (later) => {
  const page = await open(browser, later);
  assert.equal(await call(page, "ask_back", ["title"]), await page.title());
  page.once("dialog", (dialog) => dialog.accept(`${dialog.message()} — fine, é`));
  assert.equal(await call(page, "ask_back", ["prompt", ["How are you?"]]), "How are you? — fine, é");
  page.once("dialog", (dialog) => dialog.dismiss());
  assert.equal(await call(page, "ask_back", ["prompt", ["And now?"]]), null);
  const { failed } = await call(page, "ask_back", ["none_such", []]);
  const { code, message } = failed.data.cause; // the server's own method exists, so the page's refusal is its cause
  assert.deepEqual([failed.code, code, message], [-32603, -32601, "this page has no method none_such"]);
});

await check("the page's buttons do what they say", async (later) => {
  const page = await open(browser, later);
  page.on("dialog", (dialog) => dialog.accept("well"));
  for (const [button, line] of [
    ["add(1, 2)", "add(1, 2) = 3"],
    ['ask_back("title")', 'ask_back("title") = "birpc in a browser"'],
    ['ask_back("prompt", ["How are you?"])', 'ask_back("prompt", ["How are you?"]) = "well"'],
    ['say("hello to all")', "said: hello to all"],
    ['close(4001, "enough")', "the connection closed with 4001 enough"],
  ]) {
    await page.getByRole("button", { name: button, exact: true }).click();
    await page.getByText(line).waitFor();
  }
});

await check("calls in both directions at once, with equal ids, never meet", async (later) => {
  const asked = { framesent: new Set(), framereceived: new Set() }; // the ids of what is asked, by direction
  const page = await open(browser, later, (page) => page.on("websocket", (socket) => {
    for (const [direction, ids] of Object.entries(asked)) {
      socket.on(direction, ({ payload }) => {
        const { method, id } = JSON.parse(payload);
        if (method) ids.add(id);
      });
    }
  }));
  const results = await page.evaluate(() => {
    methods.add = (a, b) => a + b + 0.5; // tells the page's answers from the server's
    const both = (i) => [peer.call("add", [i, 1]), peer.call("ask_back", ["add", [i, 1]])];
    return Promise.all(Array.from({ length: 200 }, (_, i) => both(i)).flat());
  });
  assert.deepEqual(results, Array.from({ length: 200 }, (_, i) => [i + 1, i + 1.5]).flat());
  const range = (count) => Array.from({ length: count }, (_, i) => i + 1);
  assert.deepEqual([...asked.framesent], range(400));
  assert.deepEqual([...asked.framereceived].sort((a, b) => a - b), range(200));
});

await check("binary frames that carry JSON are answered in text", async (later) => {
  const page = await open(browser, later);
  const answers = await page.evaluate(async () => {
    const { socket } = peer;
    const next = () => new Promise((resolve) => { socket.onmessage = ({ data }) => resolve(data); });
    const ask = (id, frame) => {
      const text = JSON.stringify({ jsonrpc: "2.0", id, method: "echo", params: ["é🦀"] });
      socket.send(frame(new TextEncoder().encode(text)));
      return next();
    };
    return [await ask("array", (bytes) => bytes), await ask("blob", (bytes) => new Blob([bytes]))];
  });
  assert.deepEqual(answers.map((text) => JSON.parse(text)), ["array", "blob"].map(
    (id) => ({ jsonrpc: "2.0", id, result: "é🦀" }),
  ));
});

await check("a broadcast reaches every page", async (later) => {
  const pages = [await open(browser, later), await open(browser, later), await open(browser, later)];
  const line = "to all of you, é";
  const told = await call(pages[1], "say", [line]);
  assert.ok(told >= pages.length, `told ${told}`);
  const { peer } = await call(pages[1], "whoami", []);
  const heard = pages.map((page) => page.getByText(`page ${peer} said: ${line}`).waitFor());
  await within(5_000, "the line in every page", Promise.all(heard));
});

await browser.close();
finish();

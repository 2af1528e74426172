// Runs the tests in Chromium, in a page whose origin is the testbed's, so that its server lets the page in.

import { chromium } from "playwright-core";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";

const { TESTBED, CHROMIUM: executablePath, ROOT } = process.env;
const testbed = new URL(TESTBED);
const page = '<!doctype html><script type="module" src="/package/test/all.js"></script>';

/** Serves the files of the package and of the repository, and passes WebSockets on to the testbed. */
const server = createServer(async ({ url }, response) => {
  const { pathname } = new URL(url, "http://here/");
  const [, first, path] = /^\/(package|root)\/(.*)$/.exec(pathname) ?? [];
  const file = new URL(path ?? "", first == "root" ? ROOT : new URL("../", import.meta.url));
  try {
    const body = first ? await readFile(file) : page;
    const type = !first ? "text/html" : pathname.endsWith(".js") ? "text/javascript" : "text/plain";
    response.writeHead(200, { "content-type": type }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
// The testbed lets the page in, since the Host that it gets is that of the page's origin.
server.on("upgrade", ({ url, rawHeaders }, socket) => {
  const lines = [`GET ${url} HTTP/1.1`];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  const other = connect(Number(testbed.port), testbed.hostname, () => {
    other.write(`${lines.join("\r\n")}\r\n\r\n`);
    socket.pipe(other).pipe(socket);
  });
  other.on("error", () => socket.destroy());
  socket.on("error", () => other.destroy());
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const site = `127.0.0.1:${server.address().port}/`;

const { ARGS: args } = await import(new URL("xtask/interop/browser/chromium.mjs", ROOT));
const browser = await chromium.launch({ executablePath, args });
const tab = await browser.newPage();
let passed = false;
tab.on("console", (message) => {
  console.log(message.text());
  passed ||= /^\d+ passed, 0 failed/.test(message.text());
});
tab.on("pageerror", (error) => console.log(`not ok - the page: ${error}`));
const settings = new URLSearchParams({ TESTBED: `ws://${site}`, ROOT: `http://${site}root/` });
await tab.goto(`http://${site}?${settings}`);
await tab.waitForFunction(() => document.title == "done", undefined, { timeout: 55_000 });
await browser.close();
process.exit(passed ? 0 : 1);

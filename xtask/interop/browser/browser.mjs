// Chromium without a window, and what the checks do in its pages. The functions that `evaluate` is given run in the
// page: `peer`, `connect` and `methods` are those of the example's own script.

import { chromium } from "playwright-core";
import { within } from "../node/harness.mjs";
import { ARGS } from "./chromium.mjs";

/** The page of the `pages` example: the script's argument, as given by hand, or `URL` as xtask sets it. */
export const SITE = process.argv[2] ?? process.env.URL;
if (!SITE) throw new Error("no page to open: give the URL of the pages example as the argument, http://127.0.0.1:PORT/");

/** Where the page's WebSocket connects to. */
export const RPC = `${SITE.replace("http", "ws")}rpc`;

/** Starts the browser that `CHROMIUM` names, with a profile of its own. */
export function launch() {
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) throw new Error("no browser: set CHROMIUM to the path of its program");
  return chromium.launch({ executablePath, args: ARGS });
}

/** Opens a blank page; `later` is the check's list of clean-ups, which then closes it. */
export async function blank(browser, later) {
  const page = await browser.newPage();
  later(() => page.close());
  return page;
}

/** Opens the example's page, and waits until it is connected. */
export async function open(browser, later, prepare = () => {}) {
  const page = await blank(browser, later);
  prepare(page);
  await page.goto(SITE);
  await within(5_000, "the page to connect", page.evaluate(() => peer.opened.then(() => {})));
  return page;
}

/** Has the page's peer call the server; an error of the server's is returned as `{ failed }`. */
export function call(page, method, params) {
  return page.evaluate(
    ([method, params]) => peer.call(method, params).catch((failed) => ({ failed })),
    [method, params],
  );
}

/** Has a page, or a frame of it, try to connect in vain: what its events say, and `why`, which pages are not told. */
export async function refused(page, url, protocols = [], frame = page.mainFrame()) {
  const failed = new Promise((resolve) => {
    page.on("websocket", (socket) => socket.on("socketerror", resolve));
  });
  const seen = await frame.evaluate(
    ([url, protocols]) => new Promise((resolve) => {
      const socket = new WebSocket(url, protocols);
      const events = [];
      for (const name of ["open", "error", "close"]) {
        socket.addEventListener(name, () => events.push(name));
      }
      socket.addEventListener("open", () => socket.close());
      socket.addEventListener("close", ({ code, wasClean }) => resolve({ events, code, wasClean }));
    }),
    [url, protocols],
  );
  const why = seen.events.includes("open") ? "it connected" : await within(5_000, "why the socket failed", failed);
  return { ...seen, why };
}

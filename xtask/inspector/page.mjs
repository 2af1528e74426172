// The inspector's page in Chromium: empty, busy and broken, in both colour schemes and on a small screen.

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { check, finish } from "./harness.mjs";
import { peer, testbed } from "./peers.mjs";

const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ARGS });
const bed = await testbed();
const problems = [];

/** Opens the inspector, and waits until it is live. */
async function open(options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  await page.goto(bed.inspector.href);
  await page.locator("#state[data-state=open]").waitFor();
  return page;
}

const shot = (page, name) => process.env.SHOTS
  && page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), animations: "disabled" });

/** The number in the tile with this label. */
const tile = (page, label) => page.locator(".tile", { has: page.getByText(label, { exact: true }) }).locator("b");

/** Whether anything but the grid is drawn: a pixel of the first series' colour. */
const isDrawn = (page, id) => page.evaluate((id) => {
  const canvas = document.getElementById(id);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const made = document.createElement("canvas").getContext("2d");
  made.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--s0");
  made.fillRect(0, 0, 1, 1);
  const [red, green, blue] = made.getImageData(0, 0, 1, 1).data;
  let pixels = 0;
  for (let at = 0; at < data.length; at += 4) {
    const near = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue) < 60;
    pixels += near && data[at + 3] > 200 ? 1 : 0;
  }
  return pixels > 3;
}, id);

await check("strangers, wrong tokens and foreign pages get nothing", async () => {
  const { origin } = bed.inspector;
  for (const target of ["/", "/?token=", `/?token=${"0".repeat(48)}`]) {
    assert.equal((await fetch(origin + target)).status, 403, target);
  }
  const page = await browser.newPage();
  await page.goto("data:text/html,a foreign page");
  const opened = await page.evaluate((url) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve(true);
    socket.onclose = () => resolve(false);
  }), bed.inspector.href.replace("http", "ws"));
  assert.equal(opened, false);
  await page.close();
});

await check("an empty server is shown as one", async () => {
  const page = await open();
  await page.getByText("No call is open.").waitFor();
  await page.locator("#peers").getByText("Nobody is connected.").waitFor();
  assert.equal(await tile(page, "peers").textContent(), "0");
  await shot(page, "empty");
  await page.close();
});

const peers = Array.from({ length: 1000 }, () => peer(bed.port));
await Promise.all(peers.map(({ opened }) => opened));
const [first] = peers;

let id = 0;
const load = setInterval(() => {
  for (let n = 0; n < 100; n += 1) {
    id += 1;
    peers[id % peers.length].send({ id, method: id % 9 ? "add" : "echo", params: [1, 2].slice(id % 9 ? 0 : 1) });
  }
  peers[id % 500].send({ id, method: "fail", params: [7, "seven"] });
}, 50);
peers[700].send({ id: "long", method: "sleep", params: [600_000] });
for (const [n, user] of ["ada", "bob", "cy"].entries()) {
  await peers[n].call("login", [user]);
  await peers[n].call("join", ["room 7"]);
}

await check("a thousand peers under load: the charts follow", async () => {
  const page = await open();
  await page.waitForFunction(() => document.querySelector(".tile b")?.textContent === "1000");
  const rate = async () => Number((await tile(page, "calls a second").textContent()).replace("k", "e3"));
  await page.locator("#methods").getByText("add").waitFor();
  await page.waitForTimeout(4000);
  assert.ok(await rate() > 500, `${await rate()} calls a second`);
  for (const chart of ["rate-chart", "duration-chart", "load-chart"]) assert.ok(await isDrawn(page, chart), chart);
  await page.locator("#oldest").getByText("sleep").waitFor();
  // A call of the server, which the peer does not answer.
  peers[600].send({ id: "relay", method: "relay", params: ["ask_back", []] });
  await page.locator("#oldest tr", { hasText: "ask_back" }).getByText("called").waitFor();
  await page.locator("#errors").getByText("fail").first().waitFor();
  await page.locator("#limits").getByText("max_connections").waitFor();
  assert.match(await page.locator("#peers-note").textContent(), /1–50 of 1000/);
  await shot(page, "busy");
  await page.locator("#methods tbody tr", { hasText: "echo" }).click();
  assert.equal(await page.locator("#duration-of").textContent(), "echo");
  await page.close();
}, 30_000);

await check("a chosen peer's messages are seen, with secrets replaced", async () => {
  const page = await open({ colorScheme: "dark" });
  const { peer: own } = await first.call("whoami", []);
  await page.fill("#peers-filter", String(own));
  await page.locator(`#peers tr[data-key="${own}"]`).click();
  await page.getByText("from now on; secrets are replaced").waitFor();
  await page.waitForTimeout(300);
  first.send({ id: "secret", method: "echo", params: [{ user: "ada", password: "hunter2" }] });
  await page.locator("#log").getByText('"password":"<hidden>"').first().waitFor();
  assert.ok(!(await page.locator("#log").textContent()).includes("hunter2"));
  await shot(page, "peer-dark");
  await page.click("#peer-close");
  await page.close();
});

await check("groups are shown, and the members of one alone", async () => {
  const page = await open({ colorScheme: "dark" });
  const room = page.locator("#groups tbody tr", { hasText: "room 7" });
  await room.getByText("ada, bob, cy").waitFor();
  await room.click();
  await page.getByText("1–3 of 3").waitFor();
  await page.locator("#peers").getByText("cy", { exact: true }).waitFor();
  await page.locator("#groups").scrollIntoViewIfNeeded();
  await shot(page, "groups-dark");
  await page.click("#peers-group-clear");
  await page.getByText("1–50 of 1000").waitFor();
  await page.close();
});

await check("it works on a phone", async () => {
  const page = await open({ viewport: { width: 390, height: 844 } });
  await page.locator("#methods").getByText("add").waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `the page is ${wide} pixels too wide`);
  await shot(page, "phone");
  await page.close();
});

clearInterval(load);

await check("pages and peers that came and went leave nothing", async () => {
  for (let n = 0; n < 10; n += 1) await (await open()).close();
  // The peers end too: on a slow machine the watchdog has given a second task to some of their connections.
  for (const one of peers) one.end();
  const tasks = async () => {
    const last = peer(bed.port);
    await last.opened;
    const { tasks } = await last.call("stats", []);
    last.end();
    return tasks;
  };
  // A browser opens connections ahead, which the server ends after ten seconds without a request.
  const until = Date.now() + 20_000;
  const pause = () => new Promise((resolve) => { setTimeout(resolve, 100); });
  let left = await tasks();
  while (left > 2 && Date.now() < until) {
    await pause();
    left = await tasks();
  }
  assert.ok(left <= 2, `${left} tasks: more than the last peer's and that of the inspector's listener`);
}, 60_000);

await check("no page complained, and none was refused anything by its policy", async () => {
  assert.deepEqual(problems, []);
});

await check("a lost server is told", async () => {
  const page = await open();
  await page.waitForTimeout(1500);
  bed.stop();
  await page.locator("#banner").waitFor();
  await page.getByText("has another address").waitFor();
  await shot(page, "broken");
  await page.close();
}, 20_000);

await browser.close();
finish();

// The chat page of the `browser` example, in Chromium: two people talk, the server asks back, and the
// connection is lost and comes back. SITE is the example's URL. With SHOTS, a folder, it takes pictures.

import { chromium } from "playwright-core";
import { connect, createServer } from "node:net";
import { check, equal, finish, within } from "./harness.js";

const { SITE, CHROMIUM: executablePath, ROOT, SHOTS } = process.env;
const site = new URL(SITE);

/** Passes connections on to the site, unless the network is down. */
let down = false;
const sockets = new Set();
const network = createServer((socket) => {
  if (down) return socket.destroy();
  const other = connect(Number(site.port), site.hostname);
  for (const [one, two] of [[socket, other], [other, socket]]) {
    sockets.add(one);
    one.on("error", () => {}).on("close", () => (two.destroy(), sockets.delete(one)));
    one.pipe(two);
  }
});
await new Promise((resolve) => network.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${network.address().port}/`;
const cut = () => {
  down = true;
  for (const socket of sockets) socket.destroy();
};

const { ARGS: args } = await import(new URL("xtask/interop/browser/chromium.mjs", ROOT));
const browser = await chromium.launch({ executablePath, args });
const phone = { width: 390, height: 844 };
const desktop = { width: 1180, height: 780 };

/** Opens the page as someone with a screen of their own. */
async function visit(later, viewport, colorScheme = "light") {
  const context = await browser.newContext({ viewport, colorScheme });
  later(() => context.close());
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  await page.goto(url);
  await page.getByText("connected", { exact: true }).waitFor();
  return { page, problems };
}

async function join(page, name) {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByLabel("Your line").waitFor();
}

async function say(page, line) {
  await page.getByLabel("Your line").fill(line);
  await page.getByRole("button", { name: "Send" }).click();
}

/** Takes a picture in both colour schemes, on both screens. */
async function shoot(page, name) {
  if (!SHOTS) return;
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const [screen, size] of Object.entries({ phone, desktop })) {
      await page.setViewportSize(size);
      await page.screenshot({ path: `${SHOTS}/${name}-${screen}-${colorScheme}.png` });
    }
  }
}

await check("two people talk, and see who is there and who is typing", async (later) => {
  const { page, problems } = await visit(later, desktop);
  const other = await visit(later, phone, "dark");
  await shoot(page, "empty");
  await join(page, "Ada");
  await join(other.page, "Bob");
  await page.getByText("Bob is here").waitFor();
  equal(await page.locator("#people li").allInnerTexts().then((all) => all.length), 2);
  await say(other.page, "Hello from the phone");
  await page.locator("li:not(.mine)", { hasText: "Hello from the phone" }).waitFor();
  await other.page.locator("li.mine:not(.pending)", { hasText: "Hello from the phone" }).waitFor();
  await say(other.page, "<b>not bold</b> & a long word: " + "x".repeat(80));
  await page.getByText("<b>not bold</b>").waitFor();
  await say(page, "Hi! Both of us are called by the server.");
  await other.page.getByLabel("Your line").pressSequentially("hm");
  await page.getByText("Bob is typing").waitFor();
  await shoot(page, "busy");
  equal([...problems, ...other.problems], []);
});

await check("the server asks before a line that shouts, and errors say what they mean", async (later) => {
  const { page } = await visit(later, phone);
  await join(page, "Cleo");
  const second = await visit(later, phone);
  await second.page.getByLabel("Your name").fill("Cleo");
  await second.page.getByRole("button", { name: "Join" }).click();
  await second.page.getByText("The name “Cleo” is taken.").waitFor();
  await say(page, "quiet!");
  await page.getByText("really shout").waitFor();
  await shoot(page, "asked");
  await page.getByRole("button", { name: "No" }).click();
  await page.getByText("Not posted, since it was not confirmed.").waitFor();
  await say(page, "LOUD!");
  await page.getByRole("button", { name: "Yes" }).click();
  await second.page.getByText("LOUD!").waitFor();
  await say(page, "é".repeat(101));
  await page.getByText("Too long: a line has at most 200 bytes.").waitFor();
  await shoot(page, "failed");
});

await check("a line that is said without a connection is sent when there is one", async (later) => {
  const { page } = await visit(later, desktop);
  const other = await visit(later, phone);
  await join(page, "Dana");
  await join(other.page, "Eli");
  cut();
  await page.getByText("The connection is lost. Trying again").waitFor();
  await say(page, "Said in the tunnel");
  await page.getByText("waiting …").waitFor();
  await shoot(page, "lost");
  equal(await page.locator("li.pending").count(), 1);
  down = false;
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await other.page.evaluate(() => dispatchEvent(new Event("online")));
  await within(15_000, page.locator("li.mine:not(.pending)", { hasText: "Said in the tunnel" }).waitFor());
  await page.getByText("connected", { exact: true }).waitFor();
  equal(await page.locator("#banner").isHidden(), true);
});

await browser.close();
network.close();
finish();

// How Chromium is started without a window. It imports nothing, so that the tests of the TypeScript client, whose
// packages are installed elsewhere, use it too.

export const ARGS = [
  "--headless",
  "--no-sandbox", // which root, and so most containers, cannot run without
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

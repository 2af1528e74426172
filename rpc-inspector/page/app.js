// The page: samples as they arrive, and what is drawn of them.

/** The samples of the last minutes, oldest first; `undefined` where some are missing. */
const history = [];
let about = {};
let chosenMethod;

const address = new URL(location.href);
address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
address.hash = "";
const server = connect(address.href, { reconnect: { first: 500, most: 5000 } });
const inspect = server.call(inspector);

const keyOf = (method) => `${method.served ? "in" : "out"} ${method.name}`;
/** Calls a second. The first sample is of a moment, so it tells none. */
const rate = (calls, sample) => (sample.interval_ms > 250 ? (calls * 1000) / sample.interval_ms : undefined);
const sum = (sample, member) => sample.methods.reduce((total, method) => total + method[member], 0);

const charts = {
  rate: new Chart($("rate-chart"), { format: count, empty: "No calls yet" }),
  duration: new Chart($("duration-chart"), { format: duration, log: true, empty: "No calls yet" }),
  load: new Chart($("load-chart"), { format: count, whole: true, empty: "Waiting for the first sample" }),
};

/** Adds a sample to the history. */
function take(sample) {
  const last = history.at(-1);
  if (last && sample.at_ms - last.at_ms > 4 * about.interval_ms) history.push(undefined);
  sample.by = new Map(sample.methods.map((method) => [keyOf(method), method]));
  history.push(sample);
  while (history.length && !(sample.at_ms - history[0]?.at_ms <= LONGEST + 2000)) history.shift();
  show();
}

/** The points of a line. */
function points(value) {
  return history.map((sample, index) =>
    sample ? [sample.at_ms, value(sample) ?? null] : [(history[index - 1]?.at_ms ?? 0) + 1, null]);
}

const span = () => spanOf(history.at(-1).at_ms - (history.find(Boolean)?.at_ms ?? 0));
const colors = () => ["--s0", "--s1", "--s2", "--s3", "--s4"].map(style);

/** Draws everything that a sample changes. */
function show() {
  const sample = history.at(-1);
  if (!sample || document.hidden) return;
  tiles(sample);
  rates(sample);
  durations(sample);
  load(sample);
  methods(sample);
  oldest(sample);
  limits(sample);
  errors(sample);
}

function tiles(sample) {
  const failed = rate(sum(sample, "failed"), sample) ?? 0;
  const slowest = Math.max(...sample.methods.map((method) => method.p99_us ?? -1));
  const values = [
    [count(sample.peers), sample.peers === 1 ? "peer" : "peers"],
    [count(rate(sum(sample, "calls"), sample)), "calls a second"],
    [count(failed), "failed a second", failed > 0 && "bad"],
    [duration(slowest < 0 ? null : slowest), "slowest p99"],
    [count(sample.serving), "open calls of peers"],
    [bytes(sample.queued_bytes), "wait for peers to read"],
  ];
  const made = values.map(([value, label, kind]) =>
    element("div", { class: `tile ${kind || ""}` }, element("b", {}, value), element("span", {}, label)));
  $("tiles").replaceChildren(...made);
}

function legend(id, series) {
  $(id).replaceChildren(...series.map(({ name, color, now }) => {
    const line = element("i");
    line.style.background = color;
    return element("li", { title: name }, line, element("span", { class: "label" }, name), element("span", {}, now));
  }));
}

function rates(sample) {
  const top = sample.methods.slice(0, 5);
  const palette = colors();
  const series = top.map((method, index) => ({
    name: method.name + (method.served ? "" : " (called)"),
    color: palette[index],
    points: points((one) => rate(one.by.get(keyOf(method))?.calls ?? 0, one)),
    now: count(rate(method.calls, sample)),
  }));
  if (sample.methods.length > top.length) {
    const keys = new Set(top.map(keyOf));
    const rest = (one) => one.methods.reduce((all, it) => all + (keys.has(keyOf(it)) ? 0 : it.calls), 0);
    const now = count(rate(rest(sample), sample));
    series.push({ name: "others", color: style("--rest"), points: points((one) => rate(rest(one), one)), now });
  }
  if (series.length === 1) series[0].fill = true;
  charts.rate.draw(series, sample.at_ms, span());
  legend("rate-legend", series);
}

function durations(sample) {
  const method = sample.by.get(chosenMethod) ?? sample.methods[0];
  $("duration-of").textContent = method ? method.name : "";
  const palette = colors();
  const of = (member) => points((one) => method && one.by.get(keyOf(method))?.[member]);
  const series = [
    { name: "p99", color: palette[1], points: of("p99_us"), now: duration(method?.p99_us) },
    { name: "p50", color: palette[0], points: of("p50_us"), now: duration(method?.p50_us) },
  ];
  charts.duration.draw(series, sample.at_ms, span());
  legend("duration-legend", method ? series : []);
}

function load(sample) {
  const palette = colors();
  const series = [
    ["open calls of peers", "serving", 0],
    ["open streams", "streams", 2],
    ["calls to peers", "calling", 1],
  ].map(([name, member, index]) =>
    ({ name, color: palette[index], points: points((one) => one[member]), now: count(sample[member]) }));
  charts.load.draw(series, sample.at_ms, span());
  legend("load-legend", series);
}

function methods(sample) {
  const palette = colors();
  const color = (method) => palette[sample.methods.indexOf(method)] ?? style("--rest");
  const line = (method, cell) => {
    const canvas = cell?.firstChild ?? element("canvas", { class: "spark" });
    const drawn = points((one) => rate(one.by.get(keyOf(method))?.calls ?? 0, one));
    requestAnimationFrame(() => spark(canvas, drawn, sample.at_ms, span(), color(method)));
    return canvas;
  };
  const failing = (method) => ({ text: count(method.failed_total), kind: method.failed ? "bad" : "" });
  fill($("methods"), [
    { title: "Method", name: true, cell: (method) => method.name },
    { title: "", cell: (method) => ({ text: method.served ? "served" : "called", kind: "way" }), secondary: true },
    { title: "lately", cell: line, secondary: true },
    { title: "per second", number: true, cell: (method) => count(rate(method.calls, sample)) },
    { title: "p50", number: true, cell: (method) => duration(method.p50_us) },
    { title: "p99", number: true, cell: (method) => duration(method.p99_us) },
    { title: "failed", number: true, cell: failing },
    { title: "calls", number: true, cell: (method) => count(method.calls_total), secondary: true },
  ], sample.methods, {
    key: keyOf,
    empty: "No call has ended since this page was opened.",
    chosen: chosenMethod ?? (sample.methods[0] && keyOf(sample.methods[0])),
    choose(key) {
      chosenMethod = key;
      show();
    },
  });
}

function oldest(sample) {
  const isSlow = (call) => call.age_ms > 10_000 && call.state !== "streams";
  const slow = (call) => ({ text: age(call.age_ms), kind: isSlow(call) ? "warn" : "" });
  $("oldest-note").textContent = sample.silent
    ? `${sample.silent} of the peers did not answer: a handler may block them.`
    : "The oldest first.";
  fill($("oldest"), [
    { title: "Method", name: true, cell: (call) => call.method },
    { title: "", cell: (call) => ({ text: call.served ? "served" : "called", kind: "way" }), secondary: true },
    { title: "Age", number: true, cell: slow },
    { title: "State", cell: (call) => call.state },
    { title: "Peer", number: true, cell: (call) => String(call.peer) },
    { title: "Id", cell: (call) => ({ text: call.id ?? "notification", kind: "muted" }), secondary: true },
  ], sample.oldest, {
    key: (call) => `${call.served} ${call.peer} ${call.id} ${call.method} ${sample.oldest.indexOf(call)}`,
    empty: "No call is open.",
  });
}

function limits(sample) {
  const value = (limit, number) => (limit.name.endsWith("bytes") ? bytes(number) : count(number));
  const made = sample.limits.map((limit) => {
    const share = limit.limit ? limit.used / limit.limit : 1;
    const bar = element("i");
    bar.style.width = `${Math.min(100, share * 100)}%`;
    const near = share >= 1 ? "full" : share >= 0.7 ? "near" : "";
    const whose = limit.peer ? ` (peer ${limit.peer})` : "";
    return element("div", { class: `limit ${near}` },
      element("code", {}, limit.name),
      element("span", { class: "note" }, `${value(limit, limit.used)} of ${value(limit, limit.limit)}${whose}`),
      element("div", { class: "bar" }, bar));
  });
  const none = element("p", { class: "empty" }, "Nobody is connected.");
  $("limits").replaceChildren(...(made.length ? made : [none]));
}

function errors(sample) {
  fill($("errors"), [
    { title: "Time", cell: (error) => ({ text: time(error.at_ms).slice(0, 8), kind: "muted" }) },
    { title: "Method", name: true, cell: (error) => error.method },
    { title: "Error", cell: (error) => ({ text: error.code === null ? error.what : String(error.code), kind: "bad" }) },
    { title: "", cell: (error) => ({ text: error.served ? "served" : "called", kind: "way" }), secondary: true },
    { title: "Peer", number: true, cell: (error) => String(error.peer) },
  ], sample.errors.toReversed(), { key: (error) => error.number, empty: "None since this page was opened." });
}

/** What is told about the connection to the inspector. */
let failures = 0;
server.onstate((state) => {
  $("state").textContent = { open: "live", connecting: "connecting", waiting: "reconnecting", closed: "closed" }[state];
  $("state").dataset.state = state;
  document.querySelector("main").classList.toggle("stale", state !== "open");
  if (state === "open") failures = 0;
  if (state === "waiting" || state === "closed") failures += 1;
  $("banner").hidden = failures === 0;
  $("banner").textContent = failures > 2 || state === "closed"
    ? "The server does not answer. If it was started again, its inspector has another address: "
      + "open the one that it prints."
    : "The connection to the server is lost. Trying again.";
});

const pause = (millis) => new Promise((resolve) => { setTimeout(resolve, millis); });

/** Follows the samples, over all connections. */
async function follow() {
  for (;;) {
    try {
      about = await inspect.about();
      $("name").textContent = about.name ? `· ${about.name}` : "";
      document.title = about.name ? `${about.name} · birpc inspector` : "birpc inspector";
      for await (const sample of inspect.samples()) take(sample);
    } catch (error) {
      console.debug(error);
    }
    if (history.at(-1)) history.push(undefined);
    await pause(1000);
  }
}

/** What is shown before the first sample. */
function blank() {
  const empty = "Waiting for the server.";
  for (const chart of Object.values(charts)) chart.draw([], Date.now());
  for (const table of ["methods", "oldest", "errors", "groups", "peers"]) fill($(table), [], [], { empty });
  $("limits").replaceChildren(element("p", { class: "empty" }, empty));
}

document.addEventListener("visibilitychange", show);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
blank();
void follow();

// The list of peers, and the panel of the one that is chosen.

/** The number of rows on one page of a list. */
const ROWS = 50;

/** The number of messages that the log shows. */
const MESSAGES = 500;

const query = { filter: "", group: undefined, sort: "id", descending: false, skip: 0, take: ROWS };
/** The peer whose panel is open, and what ends its log. */
let chosenPeer;
let logging;
let paused = false;

const sorting = {
  get by() { return query.sort; },
  get descending() { return query.descending; },
  sort(by) {
    query.descending = query.sort === by ? !query.descending : by !== "id";
    query.sort = by;
    query.skip = 0;
    void list();
  },
};

/** Lets the search field and the buttons of a list change its query. */
function paged(name, query, show) {
  const changed = () => void show().catch(() => {});
  $(`${name}-filter`).addEventListener("input", (event) => {
    query.filter = event.target.value;
    query.skip = 0;
    changed();
  });
  $(`${name}-back`).addEventListener("click", () => {
    query.skip = Math.max(0, query.skip - ROWS);
    changed();
  });
  $(`${name}-next`).addEventListener("click", () => {
    query.skip += ROWS;
    changed();
  });
}

/** Shows which part of a list is shown. */
function pages(name, query, matching) {
  if (query.skip >= matching) query.skip = 0;
  const last = Math.min(query.skip + ROWS, matching);
  $(`${name}-note`).textContent = matching ? `${query.skip + 1}–${last} of ${matching}` : "";
  $(`${name}-back`).disabled = query.skip === 0;
  $(`${name}-next`).disabled = last >= matching;
  $(`${name}-back`).parentElement.hidden = matching <= ROWS;
}

/** Asks for the peers, and shows them. */
async function list() {
  if (server.state !== "open" || document.hidden) return;
  const page = await inspect.peers(query, { timeout: 5000 });
  pages("peers", query, page.matching);
  const state = (peer) => ({ text: peer.state, kind: peer.state === "open" ? "" : "warn" });
  const roundTrip = (peer) => duration(peer.round_trip_us);
  fill($("peers"), [
    { title: "Id", number: true, sort: "id", cell: (peer) => String(peer.id) },
    { title: "Address", cell: (peer) => peer.address ?? "–" },
    { title: "User", cell: (peer) => peer.user ?? "–" },
    { title: "Groups", number: true, cell: (peer) => count(peer.group_count), secondary: true },
    { title: "Subprotocol", cell: (peer) => peer.subprotocol ?? "none", secondary: true },
    { title: "Since", number: true, cell: (peer) => age(peer.age_ms), secondary: true },
    { title: "State", cell: state, secondary: true },
    { title: "Round trip", number: true, sort: "round_trip", cell: roundTrip, secondary: true },
    { title: "Queue", number: true, sort: "queue", cell: (peer) => bytes(peer.queued_bytes), secondary: true },
    { title: "In flight", number: true, sort: "serving", cell: (peer) => count(peer.serving) },
    { title: "Called", number: true, sort: "calling", cell: (peer) => count(peer.calling), secondary: true },
  ], page.peers, {
    key: (peer) => peer.id,
    empty: query.filter || query.group !== undefined ? "No peer matches." : "Nobody is connected.",
    choose: (id) => openPeer(Number(id)),
    sorting,
  });
}

/** The facts about the peer of the panel. */
async function facts() {
  if (chosenPeer === undefined || server.state !== "open") return;
  const asked = chosenPeer;
  const [peer] = (await inspect.peers({ only: asked, take: 1 }, { timeout: 5000 })).peers;
  if (asked !== chosenPeer) return;
  const shown = peer
    ? {
      Address: peer.address ?? "–", User: peer.user ?? "–", Subprotocol: peer.subprotocol ?? "none",
      Origin: peer.origin ?? "–", Since: age(peer.age_ms), State: peer.state,
      "Round trip": duration(peer.round_trip_us), Queue: bytes(peer.queued_bytes),
      "Open calls": `${peer.serving}${peer.streams ? `, ${peer.streams} of them streams` : ""}`,
      "Calls to it": String(peer.calling), "Dropped notifications": String(peer.dropped),
      "Unmatched responses": String(peer.unmatched), Groups: groupsOf(peer),
    }
    : { State: "gone" };
  $("peer-facts").replaceChildren(...Object.entries(shown).map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

/** The names of a peer's groups. */
function groupsOf(peer) {
  const more = peer.group_count - peer.groups.length;
  return peer.groups.join(", ") + (more > 0 ? `, and ${more} more` : "") || "none";
}

function openPeer(id) {
  if (!Number.isSafeInteger(id)) return;
  closePeer();
  chosenPeer = id;
  $("peer-title").textContent = `Peer ${id}`;
  $("peer-facts").replaceChildren();
  $("log").replaceChildren();
  showConsole();
  if (!$("peer").open) $("peer").showModal();
  void facts().catch(() => {});
  void log(id);
}

function closePeer() {
  logging?.abort(new Error("the panel is closed"));
  logging = undefined;
  chosenPeer = undefined;
}

/** Shows the messages of a peer, until the panel is closed. */
async function log(id) {
  const ended = new AbortController();
  logging = ended;
  $("log-note").textContent = "from now on; secrets are replaced";
  try {
    for await (const frame of inspect.messages(id, { signal: ended.signal })) {
      if (!paused) addMessage(frame);
    }
    $("log-note").textContent = "the connection has ended";
  } catch (error) {
    if (!ended.signal.aborted) $("log-note").textContent = `the log has ended: ${error.message}`;
  }
}

function addMessage(frame) {
  const box = $("log");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  if (frame.missed) {
    box.append(element("li", { class: "gone" }, `${frame.missed} messages were dropped: this page was too slow`));
  }
  const hidden = frame.kind === "text" ? "(not JSON-RPC, not shown)" : `(${frame.kind})`;
  const text = frame.text === null ? hidden : frame.text || frame.kind;
  const [kind, title, arrow] = frame.kind === "end"
    ? ["", "the connection has ended", "■"]
    : frame.received ? ["in", "received", "←"] : ["out", "sent", "→"];
  box.append(element("li", {},
    element("time", {}, time(frame.at_ms)),
    element("span", { class: kind, title }, arrow),
    element("span", { class: "size" }, bytes(frame.bytes)),
    element("span", { class: "text" }, text)));
  while (box.childElementCount > MESSAGES) box.firstChild.remove();
  if (atEnd) box.scrollTop = box.scrollHeight;
}

paged("peers", query, list);
$("peer-close").addEventListener("click", () => $("peer").close());
$("peer").addEventListener("close", closePeer);
$("log-clear").addEventListener("click", () => $("log").replaceChildren());
$("log-pause").addEventListener("click", () => {
  paused = !paused;
  $("log-pause").setAttribute("aria-pressed", String(paused));
  $("log-pause").textContent = paused ? "Go on" : "Pause";
});

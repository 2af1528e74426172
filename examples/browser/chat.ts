// The page of examples/browser.rs: a chat whose server calls it back. `api.ts` is generated from the traits in
// examples/api; `npm run page` in clients/typescript builds the scripts that the page loads.

import { type CallContext, ClosedError, connect } from "@birpc/client";
import { chat, isChatError, user } from "./api.js";
import { addEvent, addLine, byId, showPeople, showProblem, showState, showTyping } from "./view.js";

/** The name under which this page has joined. */
let me = "";

const peer = connect(new URL("rpc", location.href.replace(/^http/, "ws")), {
  serve: [user({ said, confirm, present: (names) => showPeople(names, me), typing })],
  // On each connection, before the lines that wait for it are sent.
  onconnect: async (peer) => {
    if (me) await peer.call(chat).join(me).catch(ifRefused);
  },
});
const room = peer.call(chat);

/** The name may be someone else's by now. Anything else ends the connection, and another is tried. */
function ifRefused(error: unknown) {
  if (!isChatError(error)) throw error;
  enter("", explain(error));
}

function typing(name: string) {
  if (name != me) showTyping(name);
}

/** Own lines that the server has not sent to everyone yet. */
const pending: { text: string; line: ReturnType<typeof addLine> }[] = [];

function said(from: string, text: string) {
  if (from == "server") return addEvent(text);
  showTyping();
  const own = from == me ? pending.findIndex((one) => one.text == text) : -1;
  if (own < 0) addLine(from, text, from == me);
  else pending.splice(own, 1)[0]?.line.sent();
}

/** The answer to the last question. */
let answered: Promise<unknown> = Promise.resolve();

/** The server asks before it posts a line that shouts, and waits until a button is pressed. */
function confirm(question: string, { signal }: CallContext): Promise<boolean> {
  const answer = answered.then(() => ask(question, signal));
  answered = answer;
  return answer;
}

function ask(question: string, signal: AbortSignal): Promise<boolean> {
  const form = byId("question", HTMLFormElement);
  byId("asked").textContent = question;
  form.hidden = false;
  return new Promise<boolean>((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      resolve((event.submitter as HTMLButtonElement).value == "yes");
    };
    // Then nobody waits for the answer any more.
    if (signal.aborted) resolve(false);
    signal.onabort = () => resolve(false);
  }).finally(() => {
    form.hidden = true;
    byId("line").focus();
  });
}

/** Shows the form for a name, or the one for lines. */
function enter(name: string, problem = "") {
  me = name;
  byId("join").hidden = Boolean(me);
  byId("compose").hidden = !me;
  showProblem("join", problem);
  byId(me ? "line" : "name").focus();
}

byId("join", HTMLFormElement).onsubmit = async (event) => {
  event.preventDefault();
  const name = byId("name", HTMLInputElement).value.trim();
  if (!name) return;
  try {
    const others = await room.join(name, { timeout: 10_000 });
    enter(name);
    showPeople([...others, me], me);
  } catch (error) {
    enter("", explain(error));
  }
};

/** When the others were last told that this one is typing. */
let typed = 0;

byId("compose", HTMLFormElement).onsubmit = async (event) => {
  event.preventDefault();
  const input = byId("line", HTMLInputElement);
  const text = input.value.trim();
  if (!text) return;
  input.value = "";
  typed = 0;
  const line = addLine(me, text, true);
  pending.push({ text, line });
  try {
    // Without a connection it waits for one.
    await room.post(text);
  } catch (error) {
    const at = pending.findIndex((one) => one.line == line);
    if (at >= 0) pending.splice(at, 1);
    line.failed(explain(error));
  }
};

byId("line").oninput = () => {
  if (peer.state != "open" || Date.now() - typed < 2_000) return;
  typed = Date.now();
  void room.typing();
};

/** What an error means, for people. Its code decides, and `data` has the type that belongs to the code. */
function explain(error: unknown): string {
  if (isChatError(error)) {
    switch (error.code) {
      case 1:
        return "Join the room first.";
      case 2:
        return `The name “${error.data.name}” is taken.`;
      case 3:
        return `Too long: a line has at most ${error.data.max} bytes.`;
      case 4:
        return "Not posted, since it was not confirmed.";
    }
  }
  if (error instanceof ClosedError)
    return error.sent ? "The connection was lost. It may have been posted." : "Not sent.";
  return error instanceof Error ? error.message : `${error}`;
}

peer.onstate((state) => showState(state));
showState(peer.state);
void peer.closed.then(({ code, reason }) => showState("closed", reason || `closed with ${code}`));
enter("");
byId("url").textContent = `${new URL("rpc", location.href.replace(/^http/, "ws"))}`;

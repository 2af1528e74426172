// Built from view.ts by `npm run page` in clients/typescript. Do not edit.
// What the page shows. Everything from other people is text, never HTML.
/** The element with this id, of this class. */
export function byId(id, kind) {
    const element = document.getElementById(id);
    if (!(element instanceof (kind ?? HTMLElement)))
        throw new Error(`the page has no ${id}`);
    return element;
}
function make(tag, className, text = "") {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    return element;
}
/** A circle with the initial of a name, whose colour is the name's. */
function avatar(name) {
    const [initial = "?"] = name;
    const element = make("span", "avatar", initial.toUpperCase());
    let hue = 0;
    for (const character of name)
        hue = (hue * 31 + (character.codePointAt(0) ?? 0)) % 360;
    element.style.setProperty("--hue", `${hue}`);
    element.ariaHidden = "true";
    return element;
}
const scroller = byId("scroller");
/** Who has said the last line. */
let last = "";
function append(item) {
    const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
    byId("empty").hidden = true;
    byId("lines").append(item);
    if (atEnd || item.classList.contains("mine"))
        scroller.scrollTop = scroller.scrollHeight;
    if (document.hidden)
        document.title = "● birpc chat";
}
document.addEventListener("visibilitychange", () => {
    if (!document.hidden)
        document.title = "birpc chat";
});
/** A line of the server's own. */
export function addEvent(text) {
    last = "";
    append(make("li", "event", text));
}
/** Shows a line. One's own is pale until it was sent. */
export function addLine(from, text, mine) {
    const item = make("li", mine ? "mine" : "");
    if (from == last)
        item.classList.add("again");
    last = from;
    if (!mine)
        item.append(avatar(from), make("span", "from", from));
    item.append(make("span", "text", text));
    const note = make("span", "note");
    const late = mine ? setTimeout(() => (note.textContent = "waiting …"), 1_000) : 0;
    if (mine) {
        item.classList.add("pending");
        item.append(note);
    }
    append(item);
    const settle = (name, why) => {
        clearTimeout(late);
        item.classList.remove("pending");
        if (name)
            item.classList.add(name);
        note.textContent = why;
        // The note may have made it higher.
        if (why)
            item.scrollIntoView({ block: "nearest" });
    };
    return { sent: () => settle("", ""), failed: (why) => settle("failed", why) };
}
/** Shows who is in the room. */
export function showPeople(names, me) {
    const items = [...new Set(names)].sort().map((name) => {
        const item = make("li", "");
        item.append(avatar(name), make("span", "", name));
        if (name == me)
            item.append(make("span", "me", "(you)"));
        return item;
    });
    byId("people").replaceChildren(...items);
}
const typists = new Map();
/** Someone is typing, or nobody is any more. */
export function showTyping(name) {
    if (!name)
        typists.clear();
    else {
        clearTimeout(typists.get(name));
        typists.set(name, window.setTimeout(() => {
            typists.delete(name);
            say();
        }, 3_000));
    }
    say();
    function say() {
        const names = [...typists.keys()];
        const who = names.length > 3 ? "Several people" : names.join(" and ");
        byId("typing").textContent = who && `${who} ${names.length > 1 ? "are" : "is"} typing …`;
    }
}
/** Says what is wrong with the input of a form. */
export function showProblem(form, text) {
    const problem = byId(form).querySelector(".problem");
    if (problem)
        problem.textContent = text;
}
/** Shows the state of the connection. Lines that are said meanwhile are sent later. */
export function showState(state, why = "") {
    const label = byId("state");
    label.dataset["state"] = state;
    label.textContent = state == "open" ? "connected" : state == "waiting" ? "offline" : state;
    const banner = byId("banner");
    if (state == "open")
        banner.hidden = true;
    if (state == "waiting")
        banner.replaceChildren("The connection is lost. Trying again …");
    if (state == "closed") {
        const again = make("button", "", "Load again");
        again.onclick = () => location.reload();
        banner.replaceChildren(`The connection has ended${why && `: ${why}`}.`, again);
    }
    if (state == "waiting" || state == "closed")
        banner.hidden = false;
}

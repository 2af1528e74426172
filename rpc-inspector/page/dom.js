// Elements and texts. Whatever a peer chose becomes text, never markup.

const $ = (id) => document.getElementById(id);

/** An element with attributes, and children that are elements or texts. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined || value === null) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** A colour, or another property, of the current scheme. */
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const round = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

function count(value) {
  if (value === undefined || value === null) return "–";
  if (value >= 1e6) return `${trimmed(round(value / 1e6))}M`;
  if (value >= 1e4) return `${trimmed(round(value / 1e3))}k`;
  return trimmed(value >= 100 ? value.toFixed(0) : value.toFixed(value % 1 ? 1 : 0));
}

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (value >= 1024 && unit < 3) {
    value /= 1024;
    unit += 1;
  }
  return `${trimmed(unit ? round(value) : String(value))} ${units[unit]}`;
}

/** A duration in microseconds. */
function duration(micros) {
  if (micros === null || micros === undefined) return "–";
  if (micros < 1) return "<1 µs";
  if (micros < 1000) return `${Math.round(micros)} µs`;
  if (micros < 1e6) return `${trimmed(round(micros / 1000))} ms`;
  return `${trimmed(round(micros / 1e6))} s`;
}

/** An age in milliseconds. */
function age(millis) {
  const seconds = millis / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

/** A time of day, with milliseconds. */
function time(millis) {
  const at = new Date(millis);
  const two = (number) => String(number).padStart(2, "0");
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  return `${clock}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/**
 * Fills a table. A column is `{ title, cell, number, secondary, sort }`; `cell` returns a text, an element, or
 * `{ text, style }`. Rows keep their elements by `key`, so that a choice, or the focus, outlives an update.
 */
function fill(table, columns, rows, { empty, key, choose, chosen, sorting } = {}) {
  if (!table.tBodies.length) table.append(element("thead", {}, element("tr")), element("tbody"));
  const heads = columns.map((column) => {
    const name = [column.number && "number", column.secondary && "secondary"].filter(Boolean).join(" ");
    const by = column.sort && sorting?.by === column.sort;
    const title = column.sort
      ? element("button", { type: "button", onclick: () => sorting.sort(column.sort) }, column.title)
      : column.title;
    return element("th", { class: name, "aria-sort": by && (sorting.descending ? "descending" : "ascending") }, title);
  });
  const head = table.tHead.rows[0];
  const drawn = JSON.stringify([columns.map((column) => column.title), sorting?.by, sorting?.descending]);
  if (head.dataset.drawn !== drawn) {
    head.replaceChildren(...heads);
    head.dataset.drawn = drawn;
  }
  const body = table.tBodies[0];
  if (!rows.length) {
    body.replaceChildren(element("tr", {}, element("td", { class: "empty", colspan: columns.length }, empty)));
    return;
  }
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const wanted = rows.map((row) => {
    const id = String(key(row));
    const line = known.get(id) ?? element("tr", { "data-key": id });
    if (choose && !line.hasAttribute("tabindex")) {
      line.tabIndex = 0;
      line.addEventListener("click", () => choose(id));
      line.addEventListener("keydown", (event) => event.key === "Enter" && choose(id));
    }
    if (chosen !== undefined) line.setAttribute("aria-selected", String(chosen === id));
    columns.forEach((column, index) => cell(line, index, column, row));
    return line;
  });
  if (wanted.length !== body.rows.length || wanted.some((line, index) => body.rows[index] !== line)) {
    const focused = document.activeElement;
    body.replaceChildren(...wanted);
    if (body.contains(focused)) focused.focus();
  }
}

function cell(line, index, column, row) {
  const value = column.cell(row, line.cells[index]);
  const { text, kind } = typeof value === "object" && !(value instanceof Node) ? value : { text: value, kind: "" };
  const name = [column.number && "number", column.name && "name", column.secondary && "secondary", kind];
  const made = line.cells[index] ?? line.appendChild(element("td"));
  made.className = name.filter(Boolean).join(" ");
  if (text instanceof Node) {
    if (made.firstChild !== text) made.replaceChildren(text);
  } else if (made.textContent !== text) {
    made.textContent = text;
    if (column.name) made.title = text;
  }
}

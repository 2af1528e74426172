// Charts of the last minutes, drawn on canvases.

/** How much time a chart shows at first, and at most, in milliseconds. */
const SHORTEST = 60_000;
const LONGEST = 300_000;

/** The time that charts show, of which the first sample was this long ago. */
const spanOf = (since) => Math.min(Math.max(since * 1.02, SHORTEST), LONGEST);

const MARGIN = { left: 52, right: 10, top: 8, bottom: 20 };

/** The canvas's context, with the size of the screen's pixels; nothing if it is not visible. */
function context(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return undefined;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const to = canvas.getContext("2d");
  to.setTransform(ratio, 0, 0, ratio, 0, 0);
  to.clearRect(0, 0, width, height);
  return { to, width, height };
}

/** Up to four round numbers from zero to a little more than `most`. `whole`: no fractions. */
function ticks(most, whole) {
  const rough = Math.max(most / 3, whole ? 1 : 0);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((step) => step * power).find((step) => step >= rough);
  const last = Math.ceil(most / step) * step;
  return Array.from({ length: Math.round(last / step) + 1 }, (_, index) => index * step);
}

/** The powers of ten around all values. */
function powers(least, most) {
  const first = Math.floor(Math.log10(Math.max(least, 1)));
  const last = Math.max(Math.ceil(Math.log10(Math.max(most, 1))), first + 1);
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}

class Chart {
  #canvas;
  #options;
  #drawn;
  #pointer;

  /**
   * `format` writes a value; `log`: with a logarithmic scale; `whole`: of whole numbers; `empty` is said while
   * there is nothing.
   */
  constructor(canvas, options) {
    this.#canvas = canvas;
    this.#options = options;
    canvas.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    canvas.addEventListener("pointerleave", () => this.#point(undefined));
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  /** Draws series, each `{ name, color, points: [[time, value]], fill }`. A value that is missing is a gap. */
  draw(series, now, span = SHORTEST) {
    this.#drawn = { series, now, span };
    this.redraw();
  }

  redraw() {
    if (!this.#drawn) return;
    const surface = context(this.#canvas);
    if (!surface) return;
    const { series, now, span } = this.#drawn;
    const area = this.#area(surface, series, now, span);
    this.#grid(surface, area);
    for (const one of series) this.#line(surface.to, area, one);
    if (!area.any) this.#say(surface, this.#options.empty);
    else if (this.#pointer !== undefined) this.#tooltip(surface, area, series);
  }

  #area({ width, height }, series, now, span) {
    const values = series.flatMap(({ points }) => points.map(([, value]) => value)).filter((value) => value != null);
    const most = Math.max(...values, 0);
    const marks = this.#options.log
      ? powers(Math.min(...values, most || 1000) || 1, most || 1e6)
      : ticks(most > 0 ? most : 1, this.#options.whole);
    const scale = this.#options.log ? (value) => Math.log10(Math.max(value, 1)) : (value) => value;
    const [low, high] = [scale(marks[0]), scale(marks.at(-1))];
    const [left, right] = [MARGIN.left, width - MARGIN.right];
    const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
    const x = (at) => right - ((now - at) / span) * (right - left);
    const y = (value) => bottom - ((scale(value) - low) / (high - low)) * (bottom - top);
    return { marks, x, y, left, right, top, bottom, now, span, any: values.length > 0 };
  }

  #grid({ to }, { marks, x, y, left, right, bottom, now, span }) {
    to.font = "11px system-ui, sans-serif";
    to.lineWidth = 1;
    to.textBaseline = "middle";
    to.textAlign = "right";
    for (const mark of marks) {
      const at = Math.round(y(mark)) + 0.5;
      to.strokeStyle = style("--line");
      to.beginPath();
      to.moveTo(left, at);
      to.lineTo(right, at);
      to.stroke();
      to.fillStyle = style("--muted");
      to.fillText(this.#options.format(mark), left - 6, at);
    }
    to.textBaseline = "alphabetic";
    const most = Math.max(2, Math.floor((right - left) / 62));
    const step = [10, 15, 30, 60, 120].find((step) => span / 1000 / step <= most) ?? 120;
    for (let ago = 0; ago * 1000 <= span; ago += step) {
      const at = x(now - ago * 1000);
      to.textAlign = ago === 0 ? "right" : at < left + 24 ? "left" : "center";
      const text = ago === 0 ? "now" : ago % 60 ? `−${ago} s` : `−${ago / 60} min`;
      to.fillText(text, at, bottom + 15);
    }
  }

  #line(to, { x, y, left, bottom, top, right }, { points, color, fill }) {
    to.save();
    to.beginPath();
    to.rect(left, top - 2, right - left + 2, bottom - top + 4);
    to.clip();
    to.strokeStyle = color;
    to.lineWidth = 1.75;
    to.lineJoin = "round";
    for (const run of runs(points)) {
      to.beginPath();
      run.forEach(([at, value], index) => to[index ? "lineTo" : "moveTo"](x(at), y(value)));
      if (run.length === 1) to.arc(x(run[0][0]), y(run[0][1]), 1, 0, 7);
      to.stroke();
      if (fill) {
        to.lineTo(x(run.at(-1)[0]), bottom);
        to.lineTo(x(run[0][0]), bottom);
        to.globalAlpha = 0.12;
        to.fillStyle = color;
        to.fill();
        to.globalAlpha = 1;
      }
    }
    to.restore();
  }

  #say({ to, width, height }, text) {
    to.font = "13px system-ui, sans-serif";
    to.textAlign = "center";
    const [x, y] = [(width + MARGIN.left) / 2, height / 2 - 6];
    const half = to.measureText(text).width / 2 + 10;
    to.fillStyle = style("--panel");
    to.fillRect(x - half, y - 16, 2 * half, 24);
    to.fillStyle = style("--muted");
    to.fillText(text, x, y);
  }

  #point(x) {
    this.#pointer = x;
    this.redraw();
  }

  /** The values at the time under the pointer. */
  #tooltip({ to, width }, { x, y, left, right, top, bottom }, series) {
    const times = series.flatMap(({ points }) => points.map(([at]) => at));
    const near = (best, at) => (Math.abs(x(at) - this.#pointer) < Math.abs(x(best) - this.#pointer) ? at : best);
    const at = times.reduce(near, times[0]);
    if (at === undefined || x(at) < left || x(at) > right) return;
    const lines = [{ label: time(at).slice(0, 8), color: style("--muted") }];
    to.strokeStyle = style("--muted");
    to.lineWidth = 1;
    to.beginPath();
    to.moveTo(x(at), top);
    to.lineTo(x(at), bottom);
    to.stroke();
    for (const { name, color, points } of series) {
      const value = points.find(([when]) => when === at)?.[1];
      if (value == null) continue;
      const short = name.length > 28 ? `${name.slice(0, 27)}…` : name;
      lines.push({ label: `${short}  ${this.#options.format(value)}`, color });
      to.fillStyle = color;
      to.beginPath();
      to.arc(x(at), y(value), 3, 0, 7);
      to.fill();
    }
    to.font = "12px system-ui, sans-serif";
    const wide = Math.max(...lines.map(({ label }) => to.measureText(label).width)) + 16;
    const from = x(at) + 10 + wide > width ? x(at) - 10 - wide : x(at) + 10;
    to.fillStyle = style("--panel");
    to.strokeStyle = style("--line");
    to.beginPath();
    to.roundRect(from, top + 2, wide, lines.length * 17 + 8, 5);
    to.fill();
    to.stroke();
    to.textAlign = "left";
    lines.forEach(({ label, color }, index) => {
      to.fillStyle = color;
      to.fillText(label, from + 8, top + 18 + index * 17);
    });
  }
}

/** The parts of a line between its gaps. */
function runs(points) {
  const found = [];
  let run = [];
  for (const point of points) {
    if (point[1] != null) run.push(point);
    else if (run.length) found.push(run.splice(0));
  }
  if (run.length) found.push(run);
  return found;
}

/** A small line without axes. */
function spark(canvas, points, now, span, color) {
  const surface = context(canvas);
  if (!surface) return;
  const { to, width, height } = surface;
  const most = Math.max(...points.map(([, value]) => value ?? 0), 1e-9);
  to.strokeStyle = color;
  to.lineWidth = 1.25;
  to.lineJoin = "round";
  for (const run of runs(points)) {
    to.beginPath();
    run.forEach(([at, value], index) => {
      const x = width - ((now - at) / span) * width;
      to[index ? "lineTo" : "moveTo"](x, height - 2 - (value / most) * (height - 4));
    });
    to.stroke();
  }
}


(function () {
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
const number = new Intl.NumberFormat("en-US", {maximumSignificantDigits: 4});
const whole = new Intl.NumberFormat("en-US");
const HEIGHT = 270, DAY = 86400, WEEK = 604800, MONDAY = 4 * DAY;
const STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, DAY, 2 * DAY, WEEK];
const MONTHS = [1, 3, 6, 12, 60, 120];
const NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const size = data.figures.length ? data.curves[data.figures[0].curves[0]].values.length : 0;
const begin = data.start, end = data.start + size * data.step;
const xs = Array.from({length: size}, (_, i) => begin + (i + 0.5) * data.step);
const hidden = new Set();
let unit = data.unit, range = [begin, end], charts = [], moving = false;

/* Time: the log's own zone, whatever the browser's; the same rules as axis.py. */
function offsetAt(t) {
  let found = data.zone[0][1];
  for (const [since, offset] of data.zone) if (since <= t) found = offset;
  return found;
}
const civil = (t) => new Date((t + offsetAt(t)) * 1000);
function toUtc(local) {
  for (const [, offset] of data.zone) if (offsetAt(local - offset) === offset) return local - offset;
  return null;
}
const two = (n) => String(n).padStart(2, "0");
const clock = (d) => two(d.getUTCHours()) + ":" + two(d.getUTCMinutes());
const day = (d) => d.getUTCDate() + " " + NAMES[d.getUTCMonth()];
function multiples(from, to, step) {
  const base = step === WEEK ? MONDAY : 0, offsets = data.zone.map((z) => z[1]), out = [];
  const first = from + Math.min(...offsets);
  for (let local = Math.floor((first - base) / step) * step + base; local <= to + Math.max(...offsets); local += step) out.push(local);
  return out;
}
function months(from, to, most) {
  const count = (to - from) / (30.44 * DAY), out = [], d = civil(from);
  const step = MONTHS.find((m) => count <= m * most + 0.5) || MONTHS[MONTHS.length - 1];
  let n = Math.floor((d.getUTCFullYear() * 12 + d.getUTCMonth()) / step) * step;
  for (;; n += step) {
    const local = Date.UTC(Math.floor(n / 12), n % 12, 1) / 1000;
    if (local > to + DAY) return out;
    out.push(local);
  }
}
function timeMarks(from, to, most) {
  const step = STEPS.find((s) => to - from <= s * most), out = [];
  for (const local of step ? multiples(from, to, step) : months(from, to, most)) {
    const t = toUtc(local);
    if (t !== null && t >= from && t <= to && (!out.length || t > out[out.length - 1])) out.push(t);
  }
  return out;
}
function timeTexts(marks) {
  const step = marks.length > 1 ? marks[1] - marks[0] : 60;
  let shown = "";
  return marks.map((t) => {
    const d = civil(t);
    const above = step >= 27 * DAY ? NAMES[d.getUTCMonth()] : step >= DAY - 3600 ? day(d) : clock(d);
    const below = step >= DAY - 3600 ? String(d.getUTCFullYear()) : day(d) + " " + d.getUTCFullYear();
    const text = below === shown ? above : above + "\n" + below;
    shown = below;
    return text;
  });
}
function windowText(i) {
  const from = begin + i * data.step, a = civil(from), b = civil(from + data.step);
  const offset = offsetAt(from), sign = offset < 0 ? "−" : "+", east = Math.abs(offset);
  const zone = data.zone.length > 1 ? " (UTC" + sign + two(Math.floor(east / 3600)) + ":" + two(Math.floor(east / 60) % 60) + ")" : "";
  const last = day(a) === day(b) ? clock(b) : day(b) + " " + clock(b);
  return day(a) + " " + a.getUTCFullYear() + ", " + clock(a) + " to " + last + zone;
}

/* Rates. */
const factor = () => data.units[unit][0] / data.step;
function columns(figure) {
  const f = factor();
  return [xs].concat(figure.curves.map((c) => data.curves[c].values.map((v) => v * f)));
}
function top(u, low, high) {
  if (!(high > 0)) return [0, 1];
  const base = Math.pow(10, Math.floor(Math.log10(high / 5)));
  const step = base * [1, 2, 2.5, 5, 10].find((m) => m * base >= high / 5 * (1 - 1e-9));
  return [0, step * Math.ceil(high / step - 1e-9)];
}

/* Figures. */
function bursts(u) {
  const y = u.bbox.top - 3 * devicePixelRatio, w = 4 * devicePixelRatio, c = u.ctx;
  c.save();
  c.fillStyle = colour("deferred");
  for (const t of data.bursts) {
    if (t < u.scales.x.min || t > u.scales.x.max) continue;
    const x = u.valToPos(t, "x", true);
    c.beginPath(); c.moveTo(x - w, y - 1.7 * w); c.lineTo(x + w, y - 1.7 * w); c.lineTo(x, y); c.fill();
  }
  c.restore();
}
function options(figure, place) {
  const font = "12px " + getComputedStyle(document.body).fontFamily;
  const axis = {stroke: () => colour("soft"), grid: {stroke: () => colour("grid"), width: 1}, ticks: {show: false}, font};
  return {
    width: place.clientWidth, height: HEIGHT, padding: [14, 36, 0, 0], legend: {show: false},
    scales: {x: {time: false, range: (u, a, b) => [a, b]}, y: {range: top}},
    axes: [
      {...axis, size: 42, gap: 6, splits: (u, i, a, b) => timeMarks(a, b, Math.max(2, Math.floor(u.width / 78))), values: (u, marks) => timeTexts(marks)},
      {...axis, size: 52, gap: 6, space: 38, values: (u, marks) => marks.map((v) => number.format(v))},
    ],
    series: [{}].concat(figure.curves.map((c) => ({
      label: c, stroke: () => colour(c), width: data.curves[c].width, dash: data.curves[c].dash, show: !hidden.has(c), points: {show: false},
    }))),
    cursor: {
      y: false, drag: {x: true, y: false, dist: 4}, points: {size: 7, width: 1},
      sync: {key: "mailripple", scales: ["x", null], filters: {sub: (type) => type === "mousemove" || type === "mouseleave"}},
      bind: {dblclick: () => () => { zoom(begin, end); return null; }},
    },
    hooks: {
      setCursor: [(u) => values(figure, u.cursor.idx)],
      setScale: [(u, key) => { if (key === "x" && !moving) zoom(u.scales.x.min, u.scales.x.max); }],
      draw: figure.id === "fig2" && data.bursts.length ? [bursts] : [],
    },
  };
}
function values(figure, i) {
  const element = document.getElementById(figure.id), seen = i !== null && i !== undefined && i >= 0;
  element.querySelector(".moment").textContent = seen ? windowText(i) : "";
  for (const key of all("li[data-curve]", element)) {
    const out = key.querySelector("output"), v = data.curves[key.dataset.curve].values;
    if (out.dataset.rest === undefined) out.dataset.rest = out.textContent;
    out.textContent = seen ? number.format(v[i] * factor()) + " " + data.units[unit][1] + " (" + whole.format(v[i]) + ")" : out.dataset.rest;
  }
}
function zoom(from, to) {
  if (moving || !(to > from)) return;
  const least = 4 * data.step;
  if (to - from < least) { const m = (from + to) / 2; from = m - least / 2; to = m + least / 2; }
  range = [Math.max(begin, from), Math.min(end, to)];
  moving = true;
  for (const {chart} of charts) chart.setScale("x", {min: range[0], max: range[1]});
  queueMicrotask(() => { moving = false; });
  const full = range[0] <= begin && range[1] >= end;
  for (const b of all("button.reset")) b.disabled = full;
}
function keys(chart, event) {
  const [a, b] = range, at = chart.cursor.idx, step = event.shiftKey ? 10 : 1;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    const first = Math.max(0, Math.ceil((a - begin) / data.step - 0.5)), last = Math.min(size - 1, Math.floor((b - begin) / data.step - 0.5));
    const i = at === null || at === undefined ? first : at + (event.key === "ArrowLeft" ? -step : step);
    chart.setCursor({left: chart.valToPos(xs[Math.min(last, Math.max(first, i))], "x"), top: 10}, true, true);
  } else if (event.key === "+" || event.key === "-") {
    const middle = at === null || at === undefined ? (a + b) / 2 : xs[at], scale = event.key === "+" ? 0.5 : 2;
    zoom(middle - (middle - a) * scale, middle + (b - middle) * scale);
  } else if (event.key === "Escape") {
    zoom(begin, end);
    chart.setCursor({left: -10, top: -10}, true, true);
  } else return;
  event.preventDefault();
}
function build() {
  for (const {chart} of charts) chart.destroy();
  moving = true;
  charts = data.figures.map((figure) => {
    const place = document.querySelector("#" + figure.id + " .plot");
    const chart = new uPlot(options(figure, place), columns(figure), place);
    chart.over.tabIndex = 0;
    chart.over.setAttribute("role", "application");
    chart.over.setAttribute("aria-label", document.getElementById(figure.id + "-title").textContent + ", arrows read the values");
    chart.over.addEventListener("keydown", (event) => keys(chart, event));
    return {figure, chart, place};
  });
  moving = false;
  zoom(range[0], range[1]);
}
function rescale() {
  for (const {figure, chart} of charts) chart.setData(columns(figure), false);
  const at = range;
  moving = false;
  zoom(at[0], at[1]);
  for (const e of all(".when .unit")) e.textContent = data.units[unit][1];
  for (const b of all("button[data-unit]")) b.setAttribute("aria-pressed", String(b.dataset.unit === unit));
}
function toggle(id) {
  if (hidden.has(id)) hidden.delete(id); else hidden.add(id);
  for (const {figure, chart} of charts) {
    const i = figure.curves.indexOf(id);
    if (i >= 0) chart.setSeries(i + 1, {show: !hidden.has(id)});
  }
  for (const key of all("li[data-curve]")) key.setAttribute("aria-pressed", String(!hidden.has(key.dataset.curve)));
}

/* The page. */
if (size) {
  root.classList.add("js");
  try { build(); } catch (error) { root.classList.remove("js"); throw error; }
  for (const e of all(".tools, .hint")) e.hidden = false;
  for (const b of all("button[data-unit]")) b.addEventListener("click", () => { unit = b.dataset.unit; rescale(); });
  for (const b of all("button.reset")) b.addEventListener("click", () => zoom(begin, end));
  for (const key of all("li[data-curve]")) {
    key.tabIndex = 0;
    key.setAttribute("role", "button");
    key.setAttribute("aria-pressed", "true");
    key.addEventListener("click", () => toggle(key.dataset.curve));
    key.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(key.dataset.curve); }
    });
  }
  let last = root.clientWidth;
  addEventListener("resize", () => {
    if (root.clientWidth === last) return;
    last = root.clientWidth;
    for (const {chart, place} of charts) chart.setSize({width: place.clientWidth, height: HEIGHT});
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
}
let closed = [];
addEventListener("beforeprint", () => { closed = all("details:not([open]):not(.long)"); for (const d of closed) d.open = true; });
addEventListener("afterprint", () => { for (const d of closed) d.open = false; });
})();

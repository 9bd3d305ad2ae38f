// What drives the tail: contributions to expected shortfall. data.splits: pairs of a parent and a node below it.
const NORMAL_95 = 1.959963984540054;
// The node shown or, where it is none of these, the next above it that is.
function nearest(parents) {
  const above = parents.filter((n) => n === state.node || data.nodes[state.node].startsWith(data.nodes[n] + "/"));
  return above[above.length - 1] ?? parents[0];
}
const splitNode = () => nearest(data.parents);
const partParents = [...new Set(data.parts.map(([parent]) => parent))];  // ascending, as are data.parents
const partNode = () => nearest(partParents);

function contribution(edge, h, k) {
  const all = data.contribution[data.detailed.indexOf(state.cell)], at = ((edge * H + h) * K + k) * 2, se = all[at + 1];
  return { value: all[at], se, error: se === null ? null : NORMAL_95 * se,
           flag: ofNode(state.cell, data.splits[edge][0], h, "es", k).flag };
}
function wholeError(parent, h, k) {
  return data.parentSe[data.detailed.indexOf(state.cell)][(data.parents.indexOf(parent) * H + h) * K + k];
}
const sum = (numbers) => (numbers.includes(null) ? null : numbers.reduce((all, x) => all + x, 0));
const combined = (values, errors) => ({ value: sum(values), error: sum(errors), flag: 0 });

// The parts of a node: { node, adds, alone, less }, its children by what they add, or all nodes below it in their order.
function partsOf(parent, deep) {
  const { horizon, level } = state, parts = [];
  data.splits.forEach(([from, node], edge) => {
    if (from !== parent || (!deep && depth(node) !== depth(parent) + 1)) return;
    const adds = contribution(edge, horizon, level), alone = ofNode(state.cell, node, horizon, "es", level);
    const less = combined([alone.value, adds.value === null ? null : -adds.value], [alone.error, adds.error]);
    parts.push({ node, adds, alone, less });
  });
  return deep ? parts : parts.sort((a, b) => (b.adds.value ?? -Infinity) - (a.adds.value ?? -Infinity));
}
const part = (x, whole) => { const found = share(x, whole); return found === null ? "" : percent(found); };
const standardError = (x) => (x === null ? "n/a" : errorAmount(x));

// The parts of a node by the values of a column, by what they add: { value, adds }. data.parts: parent, column, value.
function partsBy(column, parent) {
  const { cell, horizon, level } = state, all = data.contributionBy[data.detailed.indexOf(cell)], found = [];
  const { flag } = ofNode(cell, parent, horizon, "es", level);
  data.parts.forEach(([from, by, value], i) => {
    if (from !== parent || by !== column) return;
    const at = ((i * H + horizon) * K + level) * 2, se = all[at + 1];
    found.push({ value: data.columns[column].values[value],
      adds: { value: all[at], se, error: se === null ? null : NORMAL_95 * se, flag } });
  });
  return found.sort((a, b) => (b.adds.value ?? -Infinity) - (a.adds.value ?? -Infinity));
}

function driversTables() {
  data.columns.forEach((_, i) => {
    const es = ofNode(state.cell, partNode(), state.horizon, "es", state.level).value;
    fill("t-by-" + i, partsBy(i, partNode())
      .map((p) => [p.value, figure(p.adds), standardError(p.adds.se), part(p.adds.value, es)]));
  });
  if (data.splits.length === 0) return;
  const { cell, horizon, level } = state, parent = splitNode(), parts = partsOf(parent, false);
  const whole = ofNode(cell, parent, horizon, "es", level);
  const row = (p, name, of) => [name, figure(p.adds), standardError(p.adds.se), part(p.adds.value, of), figure(p.alone),
    figure(p.less)];
  const alone = combined(parts.map((p) => p.alone.value), parts.map((p) => p.alone.error));
  const less = combined([alone.value, whole.value === null ? null : -whole.value], [alone.error, whole.error]);
  const last = [{ text: nodeName(parent) + ", together" }, figure(whole),
    { text: standardError(wholeError(parent, horizon, level)) }, { text: part(whole.value, whole.value) }, figure(alone),
    figure(less)];
  fill("t-drivers", [...parts.map((p) => row(p, nodeName(p.node), whole.value)), last.map((c) => ({ ...c, css: "sum" }))]);
  byId("drivers-note").textContent = parts.every((p) => p.adds.value === null)
    ? "Not computed here: the tail that the run kept does not reach VaR."
    : parent === state.node ? ""
      : `${nodeName(state.node)} is not split up by this cube: these are the parts of ${nodeName(parent)}.`;
  if (!byId("t-tree")) return;
  const es = ofNode(cell, 0, horizon, "es", level);
  fill("t-tree", partsOf(0, true)
    .map((p) => row(p, { text: nodeName(p.node), css: "d" + Math.min(depth(p.node), 5) }, es.value)));
}

// Text that keeps to a width, at about 7 pixels a character.
const cut = (text, pixels) =>
  text.length * 7 <= pixels ? text : text.slice(0, Math.max(0, Math.floor(pixels / 7) - 1)) + "…";
const kindOf = (p) => (p.adds.value < 0 ? "lowers" : "adds");
const signed = (f) => amount(f.value) + (f.error === null ? " ±?" : " ±" + errorAmount(f.error));

function drawWaterfall() {
  if (data.splits.length === 0) return;
  const { cell, horizon, level } = state, parent = splitNode(), most = 14;
  let parts = partsOf(parent, false).filter((p) => p.adds.value !== null);
  const whole = ofNode(cell, parent, horizon, "es", level);
  if (parts.length === 0 || whole.value === null) { byId("c-waterfall").replaceChildren(); return; }
  const rows = [];
  if (parts.length > most) {
    const large = new Set([...parts].sort((a, b) => Math.abs(b.adds.value) - Math.abs(a.adds.value)).slice(0, most - 1));
    const rest = parts.filter((p) => !large.has(p));
    const adds = { ...combined(rest.map((p) => p.adds.value), rest.map((p) => p.adds.error)) };
    parts = [...parts.filter((p) => large.has(p)), { name: `${rest.length} others`, adds }];
  }
  let at = 0;
  for (const p of parts) {
    rows.push({ name: p.name ?? nodeName(p.node), f: p.adds, from: at, to: at + p.adds.value, kind: kindOf(p) });
    at += p.adds.value;
  }
  rows.push({ name: `${nodeName(parent)}: ES ${data.levels[level]}`, f: whole, from: 0, to: whole.value, kind: "whole" });
  drawFalls("c-waterfall", rows, whole, `What the parts add to the expected shortfall of ${data.nodes[parent]}`,
    "A waterfall: each bar starts where the one above it ends; bars to the right add to the shortfall, bars to the left lower " +
    "it, and the last is the whole. Strokes are 95 % intervals. " + TABLE);
}

// Bars of rows { name, f, from, to, kind } below each other; `linked`: each starts where the last one ends.
function drawFalls(id, rows, whole, title, description, linked = true) {
  const c = canvas(id, 58 + 40 * rows.length, { top: 8, right: 28, bottom: 44, left: 28 }, title, description);
  const ends = rows.flatMap((r) => [r.from, r.to, r.to - (r.f.error ?? 0), r.to + (r.f.error ?? 0)]);
  const x = d3.scaleLinear().domain([Math.min(0, d3.min(ends)), Math.max(0, d3.max(ends))]).nice().range([0, c.width]);
  bottomAxis(c, x, "Loss, " + data.unit);
  stroke(c, "rule", x(0), x(0), 0, c.height);
  rows.forEach((r, i) => {
    const y = 40 * i + 26, shareText = r.kind === "whole" ? "" : part(r.f.value, whole.value);
    const figures = signed(r.f) + (shareText && c.width > 420 ? " · " + shareText : "");
    const text = c.g.append("text").attr("x", 0).attr("y", y - 10);
    text.append("tspan").attr("class", "part").text(cut(r.name, c.width - 7 * figures.length - 20));
    text.append("tspan").attr("fill-opacity", 0.8).text("   " + figures);
    c.g.append("rect").attr("class", "fall " + r.kind).attr("x", x(Math.min(r.from, r.to))).attr("y", y - 5)
      .attr("width", Math.max(1, Math.abs(x(r.to) - x(r.from)))).attr("height", 13);
    if (r.f.error !== null) stroke(c, "whisker", x(r.to - r.f.error), x(r.to + r.f.error), y + 1.5, y + 1.5);
    if (linked && r.kind !== "whole") stroke(c, "mean link", x(r.to), x(r.to), y + 8, y + 35);
  });
}

// Leaves below the total as areas, in the frames of the nodes below the total.
function drawTreemap() {
  if (!byId("c-treemap")) return;
  const parts = new Map(partsOf(0, true).map((p) => [p.node, p]));
  const isLeaf = (n) => !data.nodes[n + 1]?.startsWith(data.nodes[n] + "/");
  const known = [...parts.values()].filter((p) => p.adds.value !== null && isLeaf(p.node));
  if (known.length === 0) { byId("c-treemap").replaceChildren(); return; }
  const largest = [...known].sort((a, b) => Math.abs(b.adds.value) - Math.abs(a.adds.value)).slice(0, 3)
    .map((p) => `${nodeName(p.node)} ${amount(p.adds.value)}`).join(", ");
  const c = canvas("c-treemap", 420, { top: 2, right: 2, bottom: 26, left: 2 },
    "What the leaves add to the expected shortfall of the total",
    "A treemap: areas are sizes of contributions, hatched where they lower the shortfall. " +
    `The largest: ${largest} ${data.unit}. ${TABLE}`);
  const place = new Map(data.nodes.map((path, n) => [path, n])), below = data.nodes.map(() => []);
  for (const n of parts.keys()) below[place.get(data.nodes[n].slice(0, data.nodes[n].lastIndexOf("/")))]?.push(n);
  const root = d3.hierarchy(0, (n) => below[n]).sum((n) => (n > 0 && isLeaf(n) ? Math.abs(parts.get(n).adds.value ?? 0) : 0))
    .sort((a, b) => b.value - a.value);
  d3.treemap().size([c.width, c.height]).paddingInner(2).paddingOuter(2)
    .paddingTop((d) => (d.depth === 1 && d.children ? 18 : 2)).round(true)(root);
  const hatch = c.g.append("defs").append("pattern").attr("id", "hatch").attr("width", 6).attr("height", 6)
    .attr("patternUnits", "userSpaceOnUse").attr("patternTransform", "rotate(45)");
  hatch.append("line").attr("class", "hatch").attr("x1", 0).attr("x2", 0).attr("y1", 0).attr("y2", 6);
  const box = (d, kind) => c.g.append("rect").attr("class", kind).attr("x", d.x0).attr("y", d.y0)
    .attr("width", d.x1 - d.x0).attr("height", d.y1 - d.y0);
  const write = (d, y, text, css, whole = false) => {  // whole: a number, which is not cut
    const room = d.x1 - d.x0 - 8;
    if (whole ? 7 * text.length <= room : room > 28)
      c.g.append("text").attr("class", css).attr("x", d.x0 + 4).attr("y", y).text(cut(text, room));
  };
  for (const d of root.descendants()) {
    if (d.depth === 0 || d.value === 0) continue;
    const name = nodeName(d.data), p = parts.get(d.data);
    if (d.children) {
      if (d.depth !== 1) continue;
      box(d, "frame");
      const both = p.adds.value === null ? name : `${name} ${amount(p.adds.value)}`;
      if (d.y1 - d.y0 > 18) write(d, d.y0 + 13, 7.5 * both.length <= d.x1 - d.x0 - 8 ? both : name, "part");
      continue;
    }
    const kind = kindOf(p);
    box(d, "tile " + kind).append("title").text(`${name} ${signed(p.adds)}`);
    if (kind === "lowers") box(d, "over").attr("fill", "url(#hatch)");
    if (d.y1 - d.y0 > 16) write(d, d.y0 + 14, name, "");
    if (d.y1 - d.y0 > 32) write(d, d.y0 + 29, amount(p.adds.value), "", true);
  }
  c.g.append("text").attr("x", 0).attr("y", c.height + 18)
    .text(cut(`Areas: sizes of contributions, ${data.unit}. Hatched: they lower the ES.`, c.width));
}

function drawColumns() {
  const most = 15;
  data.columns.forEach((column, i) => {
    const parent = partNode(), whole = ofNode(state.cell, parent, state.horizon, "es", state.level);
    const all = partsBy(i, parent).filter((p) => p.adds.value !== null), isRest = (p) => ["(none)", "(others)"].includes(p.value);
    const known = all.filter((p) => !isRest(p)), rest = all.filter(isRest)
      .map((p) => `${p.value} ${signed(p.adds)} ${data.unit}, ${part(p.adds.value, whole.value)}`).join("; ");
    byId("n-by-" + i).textContent = rest && (known.length > 0 ? "Not among the bars: " : "There is only ") + rest + ".";
    if (known.length === 0) { byId("c-by-" + i).replaceChildren(); return; }
    const size = (p) => Math.abs(p.adds.value);
    const rows = known.sort((a, b) => size(b) - size(a)).slice(0, most).sort((a, b) => b.adds.value - a.adds.value)
      .map((p) => ({ name: p.value, f: p.adds, from: 0, to: p.adds.value, kind: kindOf(p) }));
    drawFalls("c-by-" + i, rows, whole, `What each ${column.name} adds to the expected shortfall of ${data.nodes[parent]}`,
      `A bar for each value${known.length > most ? `, the ${most} largest of ${known.length}` : ""}, to the left where it lowers the ` +
      "shortfall. Strokes are 95 % intervals. (none) and (others) are in the table alone. " + TABLE, false);
  });
}

// Charts, drawn with D3 where it is in the page; each has its table beside it.
const charts = typeof d3 === "object";
const lower = (f) => f.lower ?? (f.error === null ? f.value : f.value - f.error);
const upper = (f) => f.upper ?? (f.error === null ? f.value : f.value + f.error);

let sheet = 0;  // width on paper; 0: on a screen, as wide as there is room

// An empty drawing in the element: the group to draw in, its width and height inside the margins.
function canvas(id, height, margin, title, description) {
  const box = byId(id);
  box.replaceChildren();
  const full = sheet || Math.max(260, box.parentElement.clientWidth);
  const svg = d3.select(box).append("svg").attr("viewBox", `0 0 ${full} ${height}`).attr("width", full)
    .attr("height", height).attr("role", "img").attr("aria-labelledby", `${id}-title ${id}-desc`);
  svg.append("title").attr("id", id + "-title").text(title);
  svg.append("desc").attr("id", id + "-desc").text(description);
  return {
    g: svg.append("g").attr("transform", `translate(${margin.left},${margin.top})`),
    width: full - margin.left - margin.right, height: height - margin.top - margin.bottom,
  };
}
// Amounts on an axis: only as many decimals as its ticks need.
function ticks(scale, width) {
  const count = Math.max(2, Math.floor(width / 95)), values = scale.ticks(count);
  const step = values.length > 1 ? Math.abs(values[1] - values[0]) : 1;
  return { values, format: (x) => amount(x, step < 1 ? Math.min(6, Math.ceil(-Math.log10(step))) : 0) };
}
function bottomAxis(c, scale, label) {
  const t = ticks(scale, c.width);
  c.g.append("g").attr("transform", `translate(0,${c.height})`).attr("aria-hidden", "true")
    .call(d3.axisBottom(scale).tickValues(t.values).tickFormat(t.format).tickSizeOuter(0));
  c.g.append("text").attr("x", c.width).attr("y", c.height + 34).attr("text-anchor", "end").text(label);
}
function leftAxis(c, axis, label) {
  c.g.append("g").attr("aria-hidden", "true").call(axis.tickSizeOuter(0));
  c.g.append("text").attr("x", 0).attr("y", -10).attr("text-anchor", "start").text(label);
}
const shares = (x) => (x >= 0.01 ? amount(100 * x, 0) : String(Number((100 * x).toPrecision(1)))) + " %";

const stroke = (c, kind, x1, x2, y1, y2) =>
  c.g.append("line").attr("class", kind).attr("x1", x1).attr("x2", x2).attr("y1", y1).attr("y2", y2);
const TABLE = "The table below has the numbers.";

// A vertical line with its interval and a label that keeps inside.
function mark(c, x, figure, kind, text, row) {
  if (figure.value === null) return;
  const at = x(figure.value), y = 12 + 15 * row, label = text + " " + amount(figure.value), width = 7 * label.length;
  const right = kind === "es" ? at + width < c.width || at < c.width / 2 : at < width;
  c.g.append("rect").attr("class", "interval " + kind).attr("x", x(lower(figure))).attr("y", 0).attr("height", c.height)
    .attr("width", Math.max(0, x(upper(figure)) - x(lower(figure)))).attr("fill-opacity", 0.18).attr("stroke-opacity", 0);
  stroke(c, kind, at, at, 0, c.height);
  c.g.append("text").attr("class", "on " + kind).attr("x", at + (right ? 5 : -5)).attr("y", y)
    .attr("text-anchor", right ? "start" : "end").text(label);
}
// Labels at the right end of lines, moved apart.
function endLabels(c, labels) {
  labels.sort((a, b) => a.y - b.y);
  labels.forEach((label, i) => { if (i > 0) label.y = Math.max(label.y, labels[i - 1].y + 14); });
  const over = labels.length > 0 ? labels[labels.length - 1].y - c.height : 0;
  for (const label of labels)
    c.g.append("text").attr("x", c.width + 6).attr("y", label.y - Math.max(0, over) + 4).text(label.text);
}

function drawCells() {
  const { horizon, level } = state, most = 25;
  let rows = cells()
    .map((c) => ({ name: data.cells[c], es: shortfall(c, horizon, level), var: valueAtRisk(c, horizon, level) }))
    .filter((row) => row.es.value !== null);
  if (rows.length > most) rows = rows.sort((a, b) => b.es.value - a.es.value).slice(0, most);
  const c = canvas("c-cells", 60 + 36 * rows.length, { top: 8, right: 28, bottom: 44, left: 16 },
    "Expected shortfall and value at risk of the total by stress cell",
    `Each row is a stress cell${data.cells.length > most ? `, the ${most} worst` : ""}: a dot at the expected shortfall ` +
    "with its 95 % interval, a stroke at value at risk. " + TABLE);
  const x = d3.scaleLinear().domain([Math.min(0, d3.min(rows, (r) => Math.min(r.var.value, lower(r.es)))),
    Math.max(0, d3.max(rows, (r) => upper(r.es)))]).nice().range([0, c.width]);
  bottomAxis(c, x, "Loss, " + data.unit);
  rows.forEach((row, i) => {
    const y = 36 * i + 25;
    const text = c.g.append("text").attr("x", 0).attr("y", y - 11);
    text.append("tspan").text(row.name);
    text.append("tspan").attr("fill-opacity", 0.8)
      .text(`   ES ${signed(row.es)}` + (c.width > 560 ? ` · VaR ${signed(row.var)}` : ""));
    stroke(c, "rule", 0, c.width, y, y);
    stroke(c, "whisker", x(lower(row.es)), x(upper(row.es)), y, y);
    stroke(c, "mean", x(row.var.value), x(row.var.value), y - 6, y + 6);
    c.g.append("circle").attr("class", "es").attr("cx", x(row.es.value)).attr("cy", y).attr("r", 4);
  });
}

function drawDensity() {
  const { cell, node, horizon, level } = state, all = bins(cell, node, horizon);
  if (all.length === 0) { byId("c-density").replaceChildren(); return; }
  const es = ofNode(cell, node, horizon, "es", level), varAt = ofNode(cell, node, horizon, "var", level);
  const whole = all[0].reached, from = all[0].from, to = Math.max(all[all.length - 1].to, upper(es));
  const rows = joined(all, (to - from) / 80);
  const c = canvas("c-density", 300, { top: 28, right: 28, bottom: 44, left: 28 },
    "Distribution of losses of " + data.nodes[node],
    `Bars whose areas are shares of scenarios. VaR ${data.levels[level]} is ${amount(varAt.value)}, ` +
    `ES ${amount(es.value)} ${data.unit}. ${TABLE}`);
  const x = d3.scaleLinear().domain([from, to]).range([0, c.width]);
  const height = (bin) => bin.weight / whole / (bin.to - bin.from);
  const y = d3.scaleLinear().domain([0, d3.max(rows, height) * 1.15]).range([c.height, 0]);
  bottomAxis(c, x, "Loss, " + data.unit);
  c.g.append("text").attr("x", 0).attr("y", -12).text("Share of scenarios (area)");
  for (const bin of rows)
    c.g.append("rect").attr("class", "bar").attr("x", x(bin.from))
      .attr("width", Math.max(0.5, x(bin.to) - x(bin.from) - 0.5))
      .attr("y", y(height(bin))).attr("height", c.height - y(height(bin)));
  mark(c, x, varAt, "var", "VaR " + data.levels[level], 0);
  mark(c, x, es, "es", "ES " + data.levels[level], 1);
}

function drawExceedance() {
  const { cell, node, horizon, level } = state, all = bins(cell, node, horizon);
  if (all.length === 0) { byId("c-exceedance").replaceChildren(); return; }
  const whole = all[0].reached, smallest = all[all.length - 1].reached / whole;
  const es = ofNode(cell, node, horizon, "es", level), varAt = ofNode(cell, node, horizon, "var", level);
  const c = canvas("c-exceedance", 300, { top: 28, right: 28, bottom: 44, left: 62 },
    "How often a loss is at least so large",
    "Share of scenarios whose loss reaches the amount, on a logarithmic scale. " + TABLE);
  const x = d3.scaleLinear().domain([all[0].from, Math.max(all[all.length - 1].to, upper(es))]).range([0, c.width]);
  const y = d3.scaleLog().domain([smallest, 1]).range([c.height, 0]);
  const powers = [];
  for (let p = 1; p >= smallest; p /= 10) powers.push(p);
  bottomAxis(c, x, "Loss, " + data.unit);
  leftAxis(c, d3.axisLeft(y).tickValues(powers).tickFormat(shares), "Share of scenarios with at least this loss");
  const beyond = 1 - data.alphas[level];
  if (beyond >= smallest) stroke(c, "rule", 0, c.width, y(beyond), y(beyond));
  c.g.append("path").attr("class", "line").attr("d", d3.line().x((p) => x(p[0])).y((p) => y(p[1]))
    (all.filter((bin) => bin.reached > 0).map((bin) => [bin.from, bin.reached / whole])));
  mark(c, x, varAt, "var", "VaR " + data.levels[level], 0);
  mark(c, x, es, "es", "ES " + data.levels[level], 1);
}

function drawFan() {
  const { cell, node, level } = state;
  const c = canvas("c-fan", 340, { top: 28, right: 88, bottom: 44, left: 78 }, "Loss by horizon",
    "Expected loss, value at risk at every confidence and expected shortfall at the chosen one, from today on. " + TABLE);
  const series = [
    { name: "mean", kind: "mean", at: (h) => ofNode(cell, node, h, "expected") },
    ...levels().map((k) => ({ name: "VaR " + data.levels[k], kind: "var", at: (h) => ofNode(cell, node, h, "var", k) })),
    { name: "ES " + data.levels[level], kind: "es", at: (h) => ofNode(cell, node, h, "es", level) },
  ].map((s) => ({ ...s, points: data.years.map((year, h) => ({ year, f: s.at(h) })).filter((p) => p.f.value !== null) }));
  const values = series.flatMap((s) => s.points.flatMap((p) => [lower(p.f), upper(p.f)]));
  const x = d3.scaleLinear().domain([0, d3.max(data.years)]).range([0, c.width]);
  const y = d3.scaleLinear().domain([Math.min(0, d3.min(values)), Math.max(0, d3.max(values))]).nice().range([c.height, 0]);
  c.g.append("g").attr("transform", `translate(0,${c.height})`).attr("aria-hidden", "true")
    .call(d3.axisBottom(x).ticks(Math.max(2, Math.floor(c.width / 80))).tickSizeOuter(0));
  c.g.append("text").attr("x", c.width).attr("y", c.height + 34).attr("text-anchor", "end").text("Years from today");
  leftAxis(c, d3.axisLeft(y).ticks(6).tickFormat(ticks(y, 600).format), "Loss, " + data.unit);
  const line = d3.line().x((p) => x(p.year)).y((p) => y(p.f.value));
  const start = { year: 0, f: { value: 0 } };
  const fan = series.filter((s) => s.kind !== "es");
  for (let i = 1; i < fan.length; ++i) {  // between neighbouring lines, fainter outwards
    const edge = [...fan[i].points].reverse();
    c.g.append("path").attr("class", "band").attr("fill-opacity", 1 - 0.25 * (i - 1))
      .attr("d", line([start, ...fan[i - 1].points, ...edge, start]) + "Z");
  }
  stroke(c, "rule", 0, c.width, y(0), y(0));
  for (const s of series) {
    c.g.append("path").attr("class", s.kind).attr("d", line([start, ...s.points]));
    for (const p of s.points) stroke(c, "whisker", x(p.year), x(p.year), y(lower(p.f)), y(upper(p.f)));
  }
  endLabels(c, series.filter((s) => s.points.length > 0)
    .map((s) => ({ text: s.name, y: y(s.points[s.points.length - 1].f.value) })));
}

function drawPrecision() {
  const { cell, horizon } = state, n = data.scenarios;
  const measured = levels().map((k) => ({ name: data.levels[k], error: relativeError(cell, horizon, k) }))
    .filter((m) => m.error > 0);
  if (measured.length === 0) { byId("c-precision").replaceChildren(); return; }
  const c = canvas("c-precision", 320, { top: 28, right: 64, bottom: 44, left: 62 },
    "Standard error of expected shortfall by number of scenarios",
    "One line for each confidence: the measured relative error at this run's number of scenarios, continued by the rule " +
    "that it falls with the square root. " + TABLE);
  const x = d3.scaleLog().domain([n / 4, n * 256]).range([0, c.width]);
  const y = d3.scaleLog().domain([d3.min(measured, (m) => m.error) / 20, d3.max(measured, (m) => m.error) * 2.5])
    .range([c.height, 0]);
  const powers = x.ticks().filter((v) => /^1e/.test(v.toExponential()));
  c.g.append("g").attr("transform", `translate(0,${c.height})`).attr("aria-hidden", "true")
    .call(d3.axisBottom(x).tickValues(powers).tickFormat((v) => amount(v, 0)).tickSizeOuter(0));
  c.g.append("text").attr("x", c.width).attr("y", c.height + 34).attr("text-anchor", "end").text("Scenarios");
  const steps = y.ticks().filter((v) => /^[125]e/.test(Number(v.toPrecision(2)).toExponential()));
  leftAxis(c, d3.axisLeft(y).tickValues(steps).tickFormat((v) => Number((100 * v).toPrecision(1)) + " %"),
    "Standard error of ES / ES");
  const [low, high] = y.domain();
  if (low < 0.01 && high > 0.01) {
    stroke(c, "whisker", 0, c.width, y(0.01), y(0.01)).attr("stroke-dasharray", "2 3");
    c.g.append("text").attr("class", "on").attr("x", 4).attr("y", y(0.01) - 4).text("1 %");
  }
  const rule = (m, scenarios) => m.error * Math.sqrt(n / scenarios);
  for (const m of measured) {
    c.g.append("path").attr("class", "line").attr("d", d3.line()([n / 4, n * 256].map((s) => [x(s), y(rule(m, s))])));
    c.g.append("circle").attr("class", "es").attr("cx", x(n)).attr("cy", y(m.error)).attr("r", 4.5);
    c.g.append("text").attr("class", "on").attr("x", x(n) + 8).attr("y", y(m.error) - 6).text(percent(m.error, 2));
  }
  endLabels(c, measured.map((m) => ({ text: m.name, y: y(rule(m, n * 256)) })));
}

function drawAll() {
  if (!charts) return;
  for (const draw of [drawCells, drawWaterfall, drawTreemap, drawColumns, drawDensity, drawExceedance, drawFan, drawPrecision]) draw();
}

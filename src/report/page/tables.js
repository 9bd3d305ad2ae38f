// Tables. A cell is text, or { figure, base, heat, css }; the first of a row is its head.
function figureParts(figure) {
  if (figure.value === null) return ["n/a"];
  const error = figure.error === null ? "?" : errorAmount(figure.error);
  return [amount(figure.value) + " ", make("span", { class: "error" }, "±" + error + marks(figure.flag))];
}
// A name whose line may break after , / and _.
const breakable = (name) => name.split(/(?<=[,/_])/).flatMap((part, i) => (i > 0 ? [make("wbr"), part] : [part]));
const heatClass = (x, largest) =>
  x === null || !(largest > 0) ? "" : "h" + Math.max(0, Math.min(8, Math.floor((9 * x) / largest)));

function fill(id, rows, head) {
  const table = byId(id);
  if (head) table.tHead.rows[0].replaceChildren(...head.map((text) => make("th", { scope: "col" }, text)));
  table.tBodies[0].replaceChildren(...rows.map((row) => {
    const tr = make("tr");
    row.forEach((cell, i) => {
      const made = i === 0 ? make("th", { scope: "row" }) : make("td");
      if (cell !== null && typeof cell === "object") {
        if (cell.css) made.className = cell.css;
        if (cell.figure) made.append(...figureParts(cell.figure));
        if (cell.text !== undefined) made.append(...(i === 0 ? breakable(cell.text) : [cell.text]));
        if (cell.base !== undefined) {
          const part = share(cell.figure.value, cell.base);
          if (part !== null) made.append(make("span", { class: "share" }, percent(part)));
          const heat = heatClass(part, cell.heat);
          if (heat) made.classList.add(heat);
        }
      } else made.append(...(i === 0 ? breakable(cell) : [cell]));
      tr.append(made);
    });
    return tr;
  }));
}

const cells = () => data.cells.map((_, c) => c);
const levels = () => data.levels.map((_, k) => k);
const figure = (f) => ({ figure: f });

function totalTable() {
  fill("t-total", cells().map((c) => [data.cells[c], figure(expected(c, state.horizon)),
    ...levels().flatMap((k) => [figure(valueAtRisk(c, state.horizon, k)), figure(shortfall(c, state.horizon, k))])]));
}

function largestShare(k) {
  let largest = 0;
  for (const c of data.detailed)
    for (let n = 0; n < data.nodes.length; ++n)
      for (let h = 0; h < H; ++h) largest = Math.max(largest, share(ofNode(c, n, h, "es", k).value, data.base[n]) ?? 0);
  return largest;
}

function nodeTable() {
  const largest = largestShare(state.level);
  byId("nodes-largest").textContent = percent(largest);
  fill("t-nodes", data.nodes.map((_, n) => [{ text: nodeName(n), css: "d" + Math.min(depth(n), 5) }, amount(data.base[n]),
    ...data.horizons.map((_, h) =>
      ({ figure: ofNode(state.cell, n, h, "es", state.level), base: data.base[n], heat: largest }))]));
}

function gridTables() {
  const at = (c, place) => firstLevel(c, place, state.horizon, state.level);
  let largest = 0;
  for (const c of cells())
    data.top.forEach((n, place) => { largest = Math.max(largest, share(at(c, place).value, data.base[n]) ?? 0); });
  byId("grid-largest").textContent = percent(largest);
  fill("t-grid", cells().map((c) => [data.cells[c],
    ...data.top.map((n, place) => ({ figure: at(c, place), base: data.base[n], heat: largest }))]));
  if (data.grid.rows.length > 0)
    fill("t-matrix", data.grid.rows.map((name, r) => [name,
      ...data.grid.cell[r].map((c) => (c < 0 ? "" : { figure: at(c, 0), base: data.base[0], heat: largest }))]));
}

function horizonTable() {
  const { cell, node } = state;
  fill("t-horizons", data.horizons.map((name, h) => [name, figure(ofNode(cell, node, h, "expected")),
    ...levels().flatMap((k) => [figure(ofNode(cell, node, h, "var", k)), figure(ofNode(cell, node, h, "es", k))])]));
}

function tailTable() {
  const rows = kept(data.tail, state.cell, state.node, state.horizon);
  if (!rows) {
    fill("t-tail", [["–", "–", "–", { text: "not in this page for so deep a node; the cube has them", css: "text" }]]);
    return;
  }
  fill("t-tail", rows.map(([scenario, loss, others], i) => {
    const names = [];
    for (let j = 0; j < others.length; j += 2) names.push(nodeName(others[j]) + " (rank " + others[j + 1] + ")");
    return [String(i + 1), String(scenario), amount(loss), { text: names.join(", ") || "–", css: "text" }];
  }));
}

// Stories are in the page as HTML, those of one cell shown.
function showStories() {
  const note = byId("stories-note"), all = [...document.querySelectorAll(".stories")];
  for (const box of all) box.hidden = Number(box.dataset.cell) !== state.cell;
  if (note)
    note.textContent = all.every((box) => box.hidden)
      ? `This page tells none of ${data.cells[state.cell]}; tailcube replay does, with --cell and --worst.` : "";
}

function precisionTable() {
  fill("t-precision", cells().map((c) => [data.cells[c], ...levels().flatMap((k) => {
    const error = relativeError(c, state.horizon, k);
    return [error === null ? "n/a" : percent(error, 2), scenariosFor(error)];
  })]));
}

function distributionTable() {
  const all = bins(state.cell, state.node, state.horizon);
  if (all.length === 0) {
    fill("t-distribution", [["–", "–", "not in this page for so deep a node; the cube has it"]]);
    return;
  }
  const whole = all[0].reached, wide = (all[all.length - 1].to - all[0].from) / 60;
  const rows = joined(all, wide);
  fill("t-distribution", rows.map((bin) => {
    const p = bin.reached / whole, error = NORMAL_95 * Math.sqrt((p * (1 - p)) / data.scenarios);
    return [amount(bin.from), amount(bin.reached, 0), `${percent(p, 3)} ±${percent(error, 3)}`];
  }));
}

// What run.json says the run cost.
function costTable() {
  const block = byId("run-record");
  if (!block) return;
  const note = byId("cost-note");
  let run = {};
  try {
    run = Object(JSON.parse(block.textContent));
  } catch {
    note.textContent = "The run.json beside the cube cannot be read.";
    return;
  }
  if (run.job_digest !== data.digest)
    note.textContent = "The run.json beside the cube is that of another job: what it says may not be about this cube.";
  const number = (x, digits) => (typeof x === "number" ? amount(x, digits) : "not recorded");
  const seconds = (x) => number(x, 1) + " s";
  const rows = [["Started", String(run.started)], ["Program", `${run.version} (${run.commit}), ${run.simd}`],
    ["Ranks", String(run.ranks)], ["Wall time", seconds(run.wall_seconds)],
    ["CPU time of all ranks", seconds(run.cpu_seconds)]];
  for (const [name, stage] of Object.entries(Object(run.stages)))
    rows.push(["Stage " + name, `${seconds(stage?.wall_seconds)}, CPU ${seconds(stage?.cpu_seconds)}`]);
  const energy = Object(run.energy), kwh = (x) => (typeof x === "number" ? Number(x.toPrecision(3)) + " kWh" : "not known");
  rows.push(["Energy", kwh(energy.kwh) + (energy.basis ? `, ${energy.basis}: ${energy.source}` : "") +
    (energy.watts_per_core ? `, ${energy.watts_per_core} W` : "")]);
  rows.push(["Energy for an ES error of 1 %", kwh(energy.kwh_for_es_error_of_1_percent)]);
  const memory = Array.isArray(run.peak_memory_bytes_per_rank) ? Math.max(...run.peak_memory_bytes_per_rank) : null;
  rows.push(["Memory, largest rank", memory === null ? "not recorded" : amount(memory / 1e6, 1) + " MB"]);
  fill("t-cost", rows.map(([name, value]) => [name, { text: value, css: "text" }]));
}

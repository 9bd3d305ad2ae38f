// The controls, and what follows them.
function shownText(parts) {
  const text = { c: data.cells[state.cell], n: data.nodes[state.node], h: "after " + data.horizons[state.horizon],
                 k: data.levels[state.level], p: data.nodes[splitNode()], b: data.nodes[partNode()] };
  return [...parts].map((part) => text[part]).join(" · ");
}

function show() {
  for (const line of document.querySelectorAll(".shown")) line.textContent = shownText(line.dataset.parts);
  totalTable();
  driversTables();
  nodeTable();
  gridTables();
  horizonTable();
  tailTable();
  showStories();
  precisionTable();
  distributionTable();
  drawAll();
}

function offer(id, names, chosen, take) {
  const select = byId(id);
  names.forEach(([value, name]) => select.append(make("option", { value }, name)));
  select.value = String(chosen);
  select.addEventListener("change", () => {
    take(Number(select.value));
    show();
    byId("announce").textContent = "Shown: " + shownText("cnhk");
  });
}

offer("pick-cell", data.detailed.map((c) => [c, data.cells[c]]), state.cell, (c) => { state.cell = c; });
offer("pick-node", data.nodes.map((_, n) => [n, "\u00a0\u00a0".repeat(depth(n)) + nodeName(n)]), state.node,
  (n) => { state.node = n; });
offer("pick-horizon", data.horizons.map((name, h) => [h, name]), state.horizon, (h) => { state.horizon = h; });
offer("pick-level", data.levels.map((name, k) => [k, name]), state.level, (k) => { state.level = k; });
byId("controls").hidden = false;
costTable();
show();

let width = document.documentElement.clientWidth;
addEventListener("resize", () => {
  if (width === document.documentElement.clientWidth) return;
  width = document.documentElement.clientWidth;
  drawAll();
});

// On paper nothing can be unfolded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const each of folded) each.open = true;
  sheet = 680;
  drawAll();
});
addEventListener("afterprint", () => {
  for (const each of folded) each.open = false;
  sheet = 0;
  drawAll();
});

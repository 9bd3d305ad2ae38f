"use strict";
// What is in the page's data, and what is shown of it. Amounts are numbers as they are to be read, in `data.unit`.
const data = JSON.parse(document.getElementById("data").textContent);
const H = data.horizons.length, K = data.levels.length;
const state = { cell: data.detailed[0], node: 0, horizon: data.horizon, level: data.level };

const byId = (id) => document.getElementById(id);
function amount(x, decimals = data.decimals) {
  if (x === null || Number.isNaN(x)) return "n/a";
  // Halves to the even digit, as the page's first numbers.
  const text = x.toLocaleString("en-US",
    { minimumFractionDigits: decimals, maximumFractionDigits: decimals, roundingMode: "halfEven" });
  return /[1-9]/.test(text) ? text : text.replace("-", "");
}
// Of an error: one that would read 0 and is not gets as many decimals as show it.
function errorAmount(x) {
  let decimals = data.decimals, text = amount(x, decimals);
  while (x > 0 && decimals < 12 && !/[1-9]/.test(text)) text = amount(x, ++decimals);
  return text;
}
const percent = (x, digits = 1) => amount(100 * x, digits) + " %";
const nodeName = (n) => data.nodes[n].slice(data.nodes[n].lastIndexOf("/") + 1);
const depth = (n) => data.nodes[n].split("/").length - 1;
const share = (loss, base) => (loss === null || !(base > 0) ? null : loss / base);

const FLAG = { bracket: 1, few: 8 };
const marks = (flag) => (flag & FLAG.bracket ? "*" : "") + (flag & FLAG.few ? "!" : "");

// Figures: { value, error, lower, upper, se, flag }; what there is not is null.
const totalAt = (cell, h) => h * (2 + 10 * K);
function expected(cell, h) {
  const at = totalAt(cell, h), all = data.total[cell];
  return { value: all[at], error: all[at + 1], flag: 0 };
}
function valueAtRisk(cell, h, k) {
  const at = totalAt(cell, h) + 2 + 10 * k, all = data.total[cell];
  return { value: all[at], lower: all[at + 1], upper: all[at + 2], error: all[at + 3], flag: all[at + 9] };
}
function shortfall(cell, h, k) {
  const at = totalAt(cell, h) + 6 + 10 * k, all = data.total[cell];
  return { value: all[at], lower: all[at + 1], upper: all[at + 2], error: all[at + 3], se: all[at + 4], flag: all[at + 5] };
}
// Of a node of data.top, by its place there; in every cell.
function firstLevel(cell, place, h, k) {
  const at = ((place * H + h) * K + k) * 3, all = data.first[cell];
  return { value: all[at], error: all[at + 1], flag: all[at + 2] };
}
// Of any node, in a detailed cell.
function ofNode(cell, node, h, figure, k) {
  const all = data.all[data.detailed.indexOf(cell)], at = (node * H + h) * (2 + 5 * K);
  if (figure === "expected") return { value: all[at], error: all[at + 1], flag: 0 };
  const first = at + 2 + 5 * k;
  return figure === "var" ? { value: all[first], error: all[first + 1], flag: all[first + 4] }
    : { value: all[first + 2], error: all[first + 3], flag: all[first + 4] };
}
// Histogram or worst scenarios of the node shown; undefined where the page does not have them.
function kept(what, cell, node, h) {
  const place = what.nodes.indexOf(node);
  return place < 0 ? undefined : what.at[data.detailed.indexOf(cell)][place][h];
}
// Relative standard error of the total's shortfall; null where there is none.
function relativeError(cell, h, k) {
  const es = shortfall(cell, h, k);
  return es.value > 0 && es.se !== null ? es.se / es.value : null;
}
function scenariosFor(error) {
  if (error === null) return "n/a";
  if (error <= 0.01) return "reached";
  return amount(Number((data.scenarios * (error / 0.01) ** 2).toPrecision(2)), 0);
}
// The distribution as [{from, to, weight, reached}], ascending; reached: the weight at or above `from`.
function bins(cell, node, h) {
  const packed = kept(data.histogram, cell, node, h);
  if (!packed || packed.length < 2) return [];
  const all = packed.slice(1).map((weight, i) =>
    ({ from: data.edges[packed[0] + i], to: data.edges[packed[0] + i + 1], weight, reached: 0 }));
  for (let i = all.length - 1, sum = 0; i >= 0; --i) all[i].reached = sum += all[i].weight;
  return all;
}
// Neighbours joined until each is at least `width` wide.
function joined(all, width) {
  const out = [];
  for (const bin of all) {
    const last = out[out.length - 1];
    if (last && last.to - last.from < width) { last.to = bin.to; last.weight += bin.weight; } else out.push({ ...bin });
  }
  return out;
}

function make(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

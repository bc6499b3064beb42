// Goes through the story of a training step. All that it says was computed by the ranks; here it is
// only drawn.
"use strict";
const story = JSON.parse(document.getElementById("story").textContent);
const byId = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "of") node.style.setProperty("--of", `var(--r${value % 8})`);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const place = (site) => site.replace(/^layers\.(\d+)$/, "layer $1");
const span = (range, what) => range[1] - range[0] === 1 ? `${what} ${range[0]}`
  : `${what}s ${range[0]}–${range[1] - 1}`;

// Variables are set in italics, functions are not.
function setEquation(node, text) {
  const upright = /^(gelu|relu|dropout|exp|log|max|AdamW|as|a|mean|of|the|row|blocks|each|tensor|all|gather|reduce|scatter|sum)$/;
  node.replaceChildren();
  for (const word of text.match(/[A-Za-z]+|[^A-Za-z]+/g))
    node.append(/^[A-Za-z]/.test(word) && !upright.test(word) ? element("em", {}, word) : word);
}

function numberText(value) {
  const size = Math.abs(value);
  if (value !== 0 && (size < 0.005 || size >= 1000)) return value.toExponential(0).replaceAll("-", "−");
  return value.toFixed(size >= 100 ? 1 : 2).replace("-", "−");
}

// --- Matrices ------------------------------------------------------------------------------------

/// The number in the holding's run of an element of the whole matrix, or -1.
function indexIn(holding, row, column) {
  const [top, bottom] = holding.rows, [left, right] = holding.cols;
  if (row < top || row >= bottom || column < left || column >= right) return -1;
  const i = (column - left) * (bottom - top) + row - top;
  return i >= holding.run[0] && i < holding.run[1] ? i - holding.run[0] : -1;
}

/// The ranks that have an element; one of several that have the same stands for all of them.
function holders(matrix, row, column) {
  return matrix.ranks.flatMap((holding, rank) => indexIn(holding, row, column) < 0 ? [] : [rank]);
}

/// Whose piece an element was before a gather.
function ownerBefore(call, row, column) {
  const owners = holders(call.before, row, column);
  return owners.length > 0 ? owners[0] : 0;
}

function drawCell(matrix, rank, row, column, gathered) {
  const holding = matrix.ranks[rank];
  const at = indexIn(holding, row, column);
  const node = element("div", { class: "cell" });
  node.dataset.at = `${row},${column}`;
  if (at < 0) {
    node.classList.add("absent");
    return node;
  }
  const value = holding.values[at];
  node.textContent = numberText(value);
  node.title = `${matrix.name}[${row}, ${column}] = ${value}`;
  const owners = holders(matrix, row, column);
  const isPartial = matrix.tp === "partial" || matrix.dp === "partial";
  const shared = owners.length === matrix.ranks.length && matrix.ranks.length > 1;
  const owner = isPartial ? rank : gathered ? ownerBefore(gathered, row, column) : owners[0];
  node.classList.add(isPartial ? "partial" : shared && !gathered ? "all" : "own");
  node.style.setProperty("--of", `var(--r${owner % 8})`);
  return node;
}

/// Above gathered columns, whose they were.
function ownerStrip(matrix, call, rank) {
  const group = call.groups.find((ranks) => ranks.includes(rank));
  return group.map((owner) => {
    const [begin, end] = call.pieces[owner];
    const label = element("div", { class: "owner", of: owner }, `from rank ${owner}`);
    label.style.gridColumn = `${begin + 1} / ${end + 1}`;
    return label;
  });
}

function sizes(count, own, present, absent) {
  return Array.from({ length: count },
    (_, i) => i >= own[0] && i < own[1] ? present : absent).join(" ");
}

function drawMatrix(matrix, rank, gathered) {
  const holding = matrix.ranks[rank];
  const here = [];
  if (holding.rows[1] - holding.rows[0] < matrix.rows) here.push(span(holding.rows, "row"));
  if (holding.cols[1] - holding.cols[0] < matrix.cols) here.push(span(holding.cols, "column"));
  const height = holding.rows[1] - holding.rows[0], width = holding.cols[1] - holding.cols[0];
  if (holding.run[1] - holding.run[0] < height * width) here.push(span(holding.run, "element"));
  const name = element("b", {}, matrix.name);
  const words = `${matrix.rows} × ${matrix.cols}, ${matrix.spread}`;
  const local = here.length > 0 ? `here ${here.join(", ")} (${height} × ${width})` : "all of it here";
  const grid = element("div", { class: "grid", role: "img",
    "aria-label": `${matrix.name} on rank ${rank}: ${words}; ${local}` });
  // What a rank doesn't have takes less room, and keeps its place.
  const absent = Math.max(matrix.rows, matrix.cols) > 8 ? "0.5rem" : "0.9rem";
  grid.style.gridTemplateColumns = sizes(matrix.cols, holding.cols, "var(--cell)", absent);
  const rows = sizes(matrix.rows, holding.rows, "1.55rem", absent);
  grid.style.gridTemplateRows = gathered && gathered.by_columns ? `auto ${rows}` : rows;
  if (gathered && gathered.by_columns) grid.append(...ownerStrip(matrix, gathered, rank));
  for (let row = 0; row < matrix.rows; ++row)
    for (let column = 0; column < matrix.cols; ++column)
      grid.append(drawCell(matrix, rank, row, column, gathered));
  return element("figure", { class: matrix.result ? "matrix result" : "matrix" },
    element("figcaption", {}, name, element("span", {}, words), element("span", {}, local)),
    element("div", { class: "scroll" }, grid));
}

function drawRank(step, rank) {
  const { tp, dp } = story.ranks[rank];
  const where = story.mesh.dp > 1 ? `copy ${dp}, part ${tp}` : "";
  const panel = element("section", { class: "rank", "aria-label": `Rank ${rank}` },
    element("h3", {}, `rank ${rank}`, element("small", {}, where)));
  panel.style.setProperty("--own", `var(--r${rank % 8})`);
  for (const matrix of step.matrices) panel.append(drawMatrix(matrix, rank));
  if (step.call) {
    const gathered = step.call.kind === "all-gather" ? step.call : undefined;
    const before = drawMatrix(step.call.before, rank);
    const after = drawMatrix(step.call.after, rank, gathered);
    before.classList.add("before");
    after.classList.add("after");
    panel.append(element("p", { class: "moment" }, "before"), before,
      element("p", { class: "moment" }, "after"), after);
  }
  return panel;
}

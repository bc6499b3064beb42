// Goes through the story of a training step. All that it says was computed by the ranks; here it is
// only drawn.
"use strict";
const story = JSON.parse(document.getElementById("story").textContent);
const byId = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const sectionNames = { forward: "Forward", loss: "Loss", backward: "Backward",
  copies: "Sums over copies", norm: "Norm", update: "Update" };
let current = 0;
let playing = null;

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

// --- Messages that fly -----------------------------------------------------------------------------

/// The box around some cells of a figure, within the stage.
function boxOf(figure, cells) {
  const stage = byId("stage").getBoundingClientRect();
  const frame = figure.querySelector(".scroll").getBoundingClientRect();
  const boxes = cells.map((cell) => cell.getBoundingClientRect());
  const left = Math.max(frame.left, Math.min(...boxes.map((box) => box.left)));
  const right = Math.min(frame.right, Math.max(...boxes.map((box) => box.right)));
  const top = Math.min(...boxes.map((box) => box.top));
  const bottom = Math.max(...boxes.map((box) => box.bottom));
  return { x: left - stage.left, y: top - stage.top, width: Math.max(right - left, 8),
    height: bottom - top };
}

/// The cells of the piece that travels: those that both ends have, of what is cut.
function travelling(call, transfer) {
  const panels = byId("stage").querySelectorAll(".rank");
  const from = panels[transfer.from].querySelector(".before");
  const to = panels[transfer.to].querySelector(".after");
  const present = (figure, where) => {
    const [row, column] = where.split(",").map(Number);
    const matrix = figure === from ? call.before : call.after;
    const holding = matrix.ranks[figure === from ? transfer.from : transfer.to];
    return indexIn(holding, row, column) >= 0;
  };
  const cells = [...from.querySelectorAll(".cell")].filter((cell) =>
    present(from, cell.dataset.at) && present(to, cell.dataset.at));
  const places = new Set(cells.map((cell) => cell.dataset.at));
  const targets = [...to.querySelectorAll(".cell")].filter((cell) => places.has(cell.dataset.at));
  return { from, to, cells, targets };
}

function fly(call) {
  for (const old of byId("stage").querySelectorAll(".flyer")) old.remove();
  if (still.matches || call.transfers.length === 0) return;
  for (const transfer of call.transfers) {
    const { from, to, cells, targets } = travelling(call, transfer);
    if (cells.length === 0) continue;
    for (const target of targets) target.classList.add("coming");
    const start = boxOf(from, cells), end = boxOf(to, targets);
    const flyer = element("div", { class: "flyer", of: transfer.from },
      `${transfer.from} → ${transfer.to}`);
    Object.assign(flyer.style, { left: `${start.x}px`, top: `${start.y}px`,
      width: `${start.width}px`, height: `${start.height}px` });
    byId("stage").append(flyer);
    const move = `translate(${end.x - start.x}px, ${end.y - start.y}px)`;
    const size = { width: `${end.width}px`, height: `${end.height}px` };
    const flight = flyer.animate(
      [{ transform: "none", opacity: 0 }, { transform: "none", opacity: 1, offset: 0.2 },
        { transform: move, opacity: 1, offset: 0.85, ...size },
        { transform: move, opacity: 0, ...size }],
      { duration: 1700, easing: "cubic-bezier(.45,.05,.3,1)", delay: 150, fill: "both" });
    flight.finished.then(() => {
      for (const target of targets) target.classList.remove("coming");
      flyer.remove();
    }, () => {});
  }
}

function drawMessages(step) {
  const box = byId("messages");
  box.replaceChildren();
  if (!step.call) return;
  const list = element("ul");
  for (const line of step.call.sentences) {
    const sender = line.match(/^rank (\d+)/);
    list.append(element("li", { of: sender ? Number(sender[1]) : 7 }, line));
  }
  const sent = step.call.bytes_sent.map((bytes, rank) => `rank ${rank}: ${bytes}`).join(", ");
  box.append(list, element("p", {}, `Bytes sent, as the ledger counts them. ${sent}.` +
    (step.call.overlaps ? " The messages go on while the ranks compute." : "")));
  if (!still.matches && step.call.transfers.length > 0) {
    const again = element("button", {}, "Show it again");
    again.addEventListener("click", () => fly(step.call));
    box.append(again);
  }
}

// --- Going through the steps -------------------------------------------------------------------------

function show(index, moves = true) {
  current = Math.max(0, Math.min(story.steps.length - 1, index));
  const step = story.steps[current];
  const layer = step.site === step.section ? "" : ` · ${place(step.site)}`;
  byId("place").textContent = sectionNames[step.section] + layer;
  setEquation(byId("equation"), step.equation);
  byId("reason").textContent = step.reason;
  byId("stage").replaceChildren(...story.ranks.map((_, rank) => drawRank(step, rank)));
  drawMessages(step);
  byId("count").textContent = `${current + 1} of ${story.steps.length}`;
  byId("progress").firstElementChild.style.width = `${100 * (current + 1) / story.steps.length}%`;
  byId("steps").querySelectorAll("button").forEach((button, i) => {
    if (i === current) {
      button.setAttribute("aria-current", "step");
      const list = byId("steps");  // on a phone it is one long row
      list.scrollLeft = button.offsetLeft - list.clientWidth / 2;
    } else {
      button.removeAttribute("aria-current");
    }
  });
  byId("first").disabled = byId("previous").disabled = current === 0;
  byId("last").disabled = byId("next").disabled = current + 1 === story.steps.length;
  if (location.hash !== `#step=${current + 1}`)
    history.replaceState(null, "", `#step=${current + 1}`);
  if (step.call && moves) fly(step.call);
}

function stop() {
  clearTimeout(playing);
  playing = null;
  byId("play").textContent = "▶";
  byId("play").setAttribute("aria-label", "Play");
}

function play() {
  if (playing !== null) return stop();
  if (current + 1 === story.steps.length) show(0);
  byId("play").textContent = "❚❚";
  byId("play").setAttribute("aria-label", "Pause");
  const later = () => {
    playing = setTimeout(() => {
      show(current + 1);
      if (current + 1 === story.steps.length) stop();
      else later();
    }, story.steps[current].call ? 3200 : 2200);
  };
  later();
}

function go(index) {
  stop();
  show(index);
}

function stepOfHash() {
  const found = location.hash.match(/^#step=(\d+)$/);
  return found ? Number(found[1]) - 1 : 0;
}

function listSteps() {
  let section = "";
  let row;
  story.steps.forEach((step, i) => {
    if (step.section !== section || !row) {
      section = step.section;
      row = element("div");
      byId("steps").append(element("section", {}, element("h3", {}, sectionNames[section]), row));
    }
    const words = `${place(step.site)}: ${step.equation}`;
    const button = element("button", { title: words, "aria-label": `Step ${i + 1}, ${words}`,
      class: step.call ? "call" : "" }, step.call ? `⇄ ${i + 1}` : String(i + 1));
    button.addEventListener("click", () => go(i));
    row.append(button);
  });
}

function listLegend() {
  const sample = (kind, text, of = 0) => {
    const box = element("i", { class: `cell ${kind}`, of });
    byId("legend").append(element("li", {}, box, text));
  };
  story.ranks.forEach((_, rank) => sample("own", `rank ${rank}`, rank));
  sample("all", "the same on all ranks");
  sample("partial", "a part of a sum");
  sample("absent", "not on this rank");
  byId("legend").append(element("li", {}, element("b", {}, "←"), "computed in this step"));
}

const { tp, dp } = story.mesh;
const across = tp > 1 && dp > 1 ? tp : Math.min(4, story.ranks.length);
byId("stage").style.setProperty("--across", across);
byId("facts").textContent = story.facts;
byId("verdict").textContent = story.verdict;
listLegend();
listSteps();
for (const [id, index] of [["first", () => 0], ["previous", () => current - 1],
  ["next", () => current + 1], ["last", () => story.steps.length - 1]])
  byId(id).addEventListener("click", () => go(index()));
byId("play").addEventListener("click", play);
addEventListener("hashchange", () => go(stepOfHash()));
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0,
    End: story.steps.length - 1 }[event.key];
  if (target !== undefined) {
    event.preventDefault();
    go(target);
  } else if (event.key === " " && event.target.tagName !== "BUTTON") {
    event.preventDefault();
    play();
  }
});
show(stepOfHash(), false);

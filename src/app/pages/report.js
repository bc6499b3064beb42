// Draws the page from the numbers in it. Names come from files and are set as text, never as HTML. The
// charts of lines are in report_charts.js.
"use strict";
const { runs, version } = JSON.parse(document.getElementById("data").textContent);
const shown = runs.map(() => true);
const main = document.getElementById("main");

// --- Elements and numbers -----------------------------------------------------------------------

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value; else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const plural = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
const sum = numbers => numbers.reduce((total, number) => total + number, 0);
const digits = (value, count = 4) => value == null ? "–" :
  value === 0 ? "0" : Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6 ? String(+value.toPrecision(count)) :
  value.toExponential(count - 2);
const percent = (value, decimals = 1) => value == null ? "–" : (100 * value).toFixed(decimals) + "%";
const compact = value => value == null ? "–" :
  value.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 4 });
const milliseconds = seconds => digits(1e3 * seconds, 3) + " ms";
function bytes(count) {
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (count < 1024) return digits(count, 3) + " " + unit;
    count /= 1024;
  }
  return digits(count, 3) + " TiB";
}
function duration(seconds) {
  if (seconds < 120) return digits(seconds, 3) + " s";
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function section(title, wide) {
  const head = element("div", { className: "head" }, element("h2", { textContent: title }));
  const made = element("section", { className: wide ? "wide" : "" }, head);
  main.append(made);
  return { made, head, note: text => made.append(element("p", { className: "minor", textContent: text })) };
}

/** What the logs of some runs don't have, under what is drawn of the others. */
function noteMissing(place, missing, why) {
  if (missing.length > 0) place.note(`Not in the log: ${missing.map(run => run.name).join(", ")}. ${why}`);
}

// --- Bars ---------------------------------------------------------------------------------------

const phaseGroups = [
  ["products", "matrix products", ["product", "input gradient", "weight gradient"]],
  ["elementwise", "activation, loss, norm", ["activation", "loss", "norm", "accumulation", "zero gradients"]],
  ["update", "update", ["update"]],
  ["batch", "fetching samples", ["batch"]],
  ["messages", "messages", ["collective", "start", "progress", "finish"]],
  ["waiting", "waiting for other ranks", ["waiting"]],
  ["rest", "rest", []],  // and whatever phase another version may have
];

function secondsByGroup(phases, seconds) {
  const sums = Object.fromEntries(phaseGroups.map(([key]) => [key, 0]));
  phases.forEach((phase, i) => {
    const group = phaseGroups.find(([, , names]) => names.includes(phase));
    sums[group ? group[0] : "rest"] += seconds[i];
  });
  return sums;
}

function phaseBar(name, sums, longest) {
  const total = sum(Object.values(sums));
  const bar = element("div", { className: "bar" });
  for (const [key, label] of phaseGroups) {
    const part = element("span", { className: key, title: `${label}: ${milliseconds(sums[key])}` });
    part.style.width = `${100 * sums[key] / longest}%`;
    if (key !== "waiting") part.style.background = `var(--${key})`;
    bar.append(part);
  }
  return element("div", { className: "bar-line" }, element("span", { textContent: name }), bar,
    element("span", { textContent: milliseconds(total) }));
}

function addPhases() {
  const place = section("Time of a step", true);
  const has = runs.filter(run => run.ranks && run.ranks.phases.length > 0);
  const why = "It is logged at the end of each epoch; older versions didn't.";
  if (has.length > 0) {
    const means = has.map(run => [run.name, secondsByGroup(run.ranks.phases,
      run.ranks.phases.map((_, i) => sum(run.ranks.seconds.map(rank => rank[i])) / run.ranks.seconds.length))]);
    const longest = Math.max(...means.map(([, sums]) => sum(Object.values(sums)))) || 1;
    place.made.append(
      element("div", { className: "keys" }, ...phaseGroups.map(([key, label]) => {
        const sample = element("i", { className: key });
        if (key !== "waiting") sample.style.background = `var(--${key})`;
        return element("span", {}, sample, label);
      })),
      ...means.map(([name, sums]) => phaseBar(name, sums, longest)));
    const ranks = has.flatMap(run => run.ranks.seconds.map((seconds, rank) =>
      [`${run.name}, rank ${rank}`, secondsByGroup(run.ranks.phases, seconds)]));
    place.made.append(element("details", {}, element("summary", { textContent: "Each rank, in numbers" }),
      table(["", ...phaseGroups.map(([, label]) => label)],
        ranks.map(([name, sums]) => [name, ...phaseGroups.map(([key]) => milliseconds(sums[key]))]))));
    place.note("Of a typical step, the mean over the ranks.");
  }
  noteMissing(place, runs.filter(run => !has.includes(run)), why);
}

function memoryOf(run) {
  const start = run.starts[run.starts.length - 1];
  return {
    peak: run.ranks ? run.ranks.peak_memory : [],
    planned: start ? start.planned_memory : [],
    shared: start && start.facts.some(([name, value]) => name === "transport" && value === "threads"),
  };
}

const mostRanks = 32;

function memoryBars(run, most) {
  const { peak, planned, shared } = memoryOf(run);
  const count = shared ? Math.min(1, peak.length) : peak.length;
  const lines = [];
  for (let rank = 0; rank < Math.min(count, mostRanks); ++rank) {
    const need = shared ? sum(planned) : planned[rank] || 0;
    const model = Math.min(need, peak[rank]);
    const bar = element("div", { className: "bar" });
    for (const [key, size, label] of [["products", model, "tensors of the model and of a step, by formula"],
                                      ["rest", peak[rank] - model, "data, libraries and the rest"]]) {
      const part = element("span", { title: `${label}: ${bytes(size)}` });
      part.style.width = `${100 * size / most}%`;
      part.style.background = `var(--${key})`;
      bar.append(part);
    }
    lines.push(element("div", { className: "bar-line" },
      element("span", { textContent: shared ? "all ranks" : `rank ${rank}` }), bar,
      element("span", { textContent: bytes(peak[rank]) })));
  }
  if (count > mostRanks) {
    lines.push(element("p", { className: "minor", textContent:
      `and ${plural(count - mostRanks, "more rank")}, with at most ${bytes(Math.max(...peak))}` }));
  }
  return lines;
}

function addMemory() {
  const place = section("Memory by rank", false);
  const has = runs.filter(run => memoryOf(run).peak.length > 0);
  const most = Math.max(1, ...has.flatMap(run => memoryOf(run).peak));
  if (has.length > 0) {
    place.made.append(element("div", { className: "keys" },
      ...[["products", "tensors of the model and of a step"], ["rest", "data, libraries and the rest"]]
        .map(([key, label]) => {
          const sample = element("i");
          sample.style.background = `var(--${key})`;
          return element("span", {}, sample, label);
        })));
  }
  for (const run of has) place.made.append(element("h3", { textContent: run.name }), ...memoryBars(run, most));
  if (has.length > 0) place.note("The most that a rank's process has held at once.");
  noteMissing(place, runs.filter(run => !has.includes(run)),
    "It is logged at the end of each epoch; older versions didn't.");
}

// --- Tables -------------------------------------------------------------------------------------

/** rows: the first cell of each names it. */
function table(heads, rows, className = "") {
  const head = element("tr", {}, ...heads.map(text => element("th", { textContent: text })));
  const body = rows.map(([name, ...values]) => element("tr", { className },
    element("th", { textContent: name }), ...values.map(value => element("td", { textContent: value }))));
  return element("div", { className: "scroll" },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

const last = list => list[list.length - 1];

function addResults() {
  const losses = run => run.points.loss.filter(loss => loss != null);
  const accuracies = run => run.epochs.map(epoch => epoch.test_accuracy).filter(value => value != null);
  const columns = [
    ["last training loss", run => digits(last(losses(run)))],
    ["last test accuracy", run => percent(last(accuracies(run)), 2)],
    ["best test accuracy", run => accuracies(run).length ? percent(Math.max(...accuracies(run)), 2) : "–"],
    ["steps", run => run.totals.steps.toLocaleString("en")],
    ["skipped steps", run => run.totals.skipped.toLocaleString("en")],
    ["training time", run => duration(run.totals.seconds)],
    ["samples/s", run => run.totals.seconds ? compact(run.totals.samples / run.totals.seconds) : "–"],
    ["exposed communication", run => run.totals.seconds ?
      percent(run.totals.communication_seconds / run.totals.seconds) : "–"],
    ["went on after step", run => run.starts.slice(1).map(start => start.after_step).join(", ")],
  ].filter(([name, textOf]) => {
    const optional = ["skipped steps", "went on after step"].includes(name);
    return !optional || runs.some(run => !["0", ""].includes(textOf(run)));
  });
  section("Results", true).made.append(table(["", ...columns.map(([name]) => name)],
    runs.map(run => [run.name, ...columns.map(([, textOf]) => textOf(run))])));
}

function addOptions() {
  const place = section("Options", true);
  const told = runs.map(run => {
    const start = last(run.starts);
    if (!start) return new Map();
    return new Map([...start.facts, ...start.options.map(([name, value]) => ["--" + name, value])]);
  });
  const names = [...new Set(told.flatMap(options => [...options.keys()]))];
  const rows = names.map(name => [name, ...told.map(options => options.get(name) ?? "–")]);
  const heads = ["", ...runs.map(run => run.name)];
  const known = told.filter(options => options.size > 0);
  // When runs began differs always, and tells nothing.
  const differs = ([name]) => name !== "started" && new Set(known.map(options => options.get(name))).size > 1;
  const unlike = rows.filter(differs), alike = rows.filter(row => !differs(row));
  if (unlike.length > 0) place.made.append(table(heads, unlike, "differs"));
  if (unlike.length === 0 && known.length > 1) place.note("All runs have the same.");
  if (alike.length > 0) {
    place.made.append(element("details", { open: known.length === 1 },
      element("summary", { textContent: known.length > 1 ? "Those that are the same" : "All" }),
      table(heads, alike, "same")));
  }
  noteMissing(place, runs.filter((_, i) => told[i].size === 0), "Older versions didn't log them.");
}

// --- The page -----------------------------------------------------------------------------------

function addLegend() {
  const legend = document.getElementById("legend");
  runs.forEach((run, index) => {
    const stroke = element("span", { className: "stroke" });
    stroke.style.borderTopColor = `var(--run${index % 6})`;
    stroke.style.borderTopStyle = dash(index).length === 0 ? "solid" : dash(index)[0] > 4 ? "dashed" : "dotted";
    const button = element("button", { type: "button", "aria-pressed": "true" }, stroke,
      element("span", { textContent: run.name }));
    button.addEventListener("click", () => {
      shown[index] = !shown[index];
      button.setAttribute("aria-pressed", shown[index]);
      for (const chart of charts) chart.plot.setSeries(index + 1, { show: shown[index] });
    });
    legend.append(button);
  });
}

addLegend();
addResults();
addCharts();
addMemory();
addPhases();
addOptions();
// At once, and not when the observers are first heard: that may be frames later, or never without a screen.
for (const chart of charts) chart.resize();
document.getElementById("footer").textContent = `Made by colonnade ${version}.`;
matchMedia("(prefers-color-scheme: dark)")
  .addEventListener("change", () => charts.forEach(chart => chart.draw()));

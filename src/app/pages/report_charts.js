// The charts of lines, drawn by uPlot. Called by report.js, which has the runs, and text of numbers.
"use strict";

const colour = index => css(`--run${index % 6}`);
const dash = index => [[], [8, 4], [2, 3], [10, 3, 2, 3]][Math.floor(index / 6) % 4];
const charts = [];

/** pointsOf(run) gives [x, y], lists of the same length. */
class Chart {
  constructor(title, { pointsOf, x, format, axisFormat = format, logarithmic = false, wide = false, hint = "",
                       from, whole = false }) {
    Object.assign(this, { pointsOf, x, format, axisFormat, from, whole, logarithmic: false });
    const has = run => pointsOf(run)[1].some(y => y != null);
    this.place = section(title, wide);
    this.box = element("div", { className: "chart" });
    this.place.made.append(this.box);
    if (!runs.some(has)) {
      this.place.note("No log has this.");
      return;
    }
    if (logarithmic) this.addToggle();
    if (hint) this.place.note(hint);
    noteMissing(this.place, runs.filter(run => !has(run)), "");
    charts.push(this);
    // A frame later, for drawing changes the box's height, of which the observer would hear at once.
    new ResizeObserver(() => requestAnimationFrame(() => this.resize())).observe(this.box);
  }

  addToggle() {
    const box = element("input", { type: "checkbox" });
    box.addEventListener("change", () => { this.logarithmic = box.checked; this.draw(); });
    this.place.head.append(element("label", {}, box, " logarithmic"));
  }

  draw() {
    if (this.plot) this.plot.destroy();
    const tables = runs.map(run => this.pointsOf(run));
    if (this.logarithmic) for (const table of tables) table[1] = table[1].map(y => y > 0 ? y : null);
    this.width = this.box.clientWidth;
    this.plot = new uPlot(this.options(), uPlot.join(tables.map(([x, y]) => [x, y])), this.box);
  }

  options() {
    const axis = {
      stroke: css("--minor"), font: "12px system-ui, sans-serif", ticks: { stroke: css("--line"), size: 4 },
      grid: { stroke: css("--line"), width: 1 },
    };
    const wholeSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6,
      2e6, 5e6, 1e7, 1e8, 1e9];
    const few = runs.every(run => this.pointsOf(run)[0].length < 60);
    return {
      width: this.width, height: 250,
      scales: { x: { time: false }, y: { distr: this.logarithmic ? 3 : 1, range: this.range() } },
      cursor: { sync: { key: this.x, setSeries: false }, points: { size: 7 } },
      axes: [
        { ...axis, incrs: wholeSteps, space: 60, size: 30, values: (_, values) => values.map(compact) },
        { ...axis, size: 58, values: (_, values) => values.map(y => y == null ? "" : this.axisFormat(y)) },
      ],
      series: [
        { label: this.x, value: (_, x) => x == null ? "–" : x.toLocaleString("en") },
        ...runs.map((run, index) => ({
          label: run.name, stroke: colour(index), dash: dash(index), width: 1.75, show: shown[index],
          points: { show: few && this.whole || this.pointsOf(run)[0].length === 1, size: 6, fill: colour(index) },
          value: (_, y) => this.format(y),
        })),
      ],
    };
  }

  /** A rate that is the same all the time stands in the middle, not at an edge. */
  range() {
    if (this.logarithmic) return undefined;
    return (_, low, high) => {
      if (low == null) return [0, 1];
      const from = this.from ?? low;
      const room = (high - from || Math.abs(high) || 1) * 0.06;
      return [this.from ?? low - room, high + room];
    };
  }

  resize() {
    if (!this.plot) return this.draw();
    if (this.box.clientWidth === this.width || this.box.clientWidth === 0) return;
    this.width = this.box.clientWidth;
    this.plot.setSize({ width: this.width, height: 250 });
  }
}

const ofSteps = name => run => [run.points.step, run.points[name]];

/** Times scatter from step to step: the means of `together` points are drawn. */
function meansOfSteps(name, together) {
  return run => {
    const steps = [], means = [];
    for (let begin = 0; begin < run.points.step.length; begin += together) {
      const values = run.points[name].slice(begin, begin + together).filter(value => value != null);
      steps.push(run.points.step[Math.min(begin + together, run.points.step.length) - 1]);
      means.push(values.length > 0 ? sum(values) / values.length : null);
    }
    return [steps, means];
  };
}
function ofEpochs(name) {
  return run => {
    const epochs = run.epochs.filter(epoch => epoch[name] != null);
    return [epochs.map(epoch => epoch.epoch), epochs.map(epoch => epoch[name])];
  };
}

function addCharts() {
  const together = Math.max(...runs.map(run => run.points.together));
  const timesTogether = Math.ceil(Math.max(...runs.map(run => run.points.step.length)) / 100);
  const meant = timesTogether * together;
  const ofTimes = meant > 1 ? `Each point is the mean of ${meant} steps.` : "";
  new Chart("Training loss", {
    pointsOf: ofSteps("loss"), x: "step", format: digits, axisFormat: y => digits(y, 3), logarithmic: true,
    wide: true,
    hint: "Drag over a chart for a closer look, double-click to go back." +
      (together > 1 ? ` Each point is the mean of up to ${together} steps.` : ""),
  });
  new Chart("Test loss", { pointsOf: ofEpochs("test_loss"), x: "epoch", format: digits,
    axisFormat: y => digits(y, 3), whole: true });
  new Chart("Test accuracy", { pointsOf: ofEpochs("test_accuracy"), x: "epoch", format: y => percent(y, 2),
    axisFormat: y => percent(y), whole: true });
  new Chart("Learning rate", { pointsOf: ofSteps("lr"), x: "step", format: digits,
    axisFormat: y => digits(y, 2), from: 0 });
  new Chart("Samples per second", { pointsOf: meansOfSteps("samples_per_s", timesTogether), x: "step",
    format: compact, from: 0, hint: ofTimes });
  new Chart("Exposed communication", { pointsOf: meansOfSteps("exposed", timesTogether), x: "step",
    format: y => percent(y), axisFormat: y => percent(y, 0), from: 0,
    hint: `Share of its time that the first rank spends in messages, waiting included. ${ofTimes}` });
}

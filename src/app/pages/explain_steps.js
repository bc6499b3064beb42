// Goes through the steps: by buttons, by keys, by the address, or by itself.
const sectionNames = { forward: "Forward", loss: "Loss", backward: "Backward",
  copies: "Sums over copies", norm: "Norm", update: "Update" };
let current = 0;
let playing = null;

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

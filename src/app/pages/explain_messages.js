// Messages that fly from the ranks that send to those that receive, and what is said of them.

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

// Runs inside of a page of `colonnade report` that tests/browser_report.sh has put into a frame, and tells
// the frame's owner what it sees. Before the page's own scripts, so that it hears of their errors.
"use strict";
const problems = [];
addEventListener("error", event => problems.push("error: " + event.message));
addEventListener("unhandledrejection", event => problems.push("rejection: " + event.reason));
document.addEventListener("securitypolicyviolation", event => problems.push("refused: " + event.blockedURI));
for (const kind of ["error", "warn"]) console[kind] = (...words) => problems.push(kind + ": " + words.join(" "));

/** Whether a canvas has pixels of at least two colours, lines on the grid say. */
function isDrawn(canvas) {
  if (canvas.width === 0 || canvas.height === 0) return false;
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const colours = new Set();
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i + 3] === 255) colours.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]);
  }
  return colours.size >= 2;
}

addEventListener("load", () => setTimeout(() => {
  const canvases = [...document.querySelectorAll("canvas")];
  const texts = [...document.querySelectorAll("button, th")].map(node => node.textContent);
  // The charts answer to the switches of the page.
  for (const node of document.querySelectorAll("input, #legend button")) node.click();
  setTimeout(() => {
    parent.postMessage([
      ...problems,
      `charts ${canvases.length}`,
      `drawn ${canvases.filter(isDrawn).length}`,
      `bars ${document.querySelectorAll(".bar").length}`,
      `loaded ${performance.getEntriesByType("resource").length}`,
      `wider ${document.documentElement.scrollWidth > innerWidth}`,
      `pressed ${document.querySelectorAll("[aria-pressed=true]").length}`,
      `injected ${document.querySelectorAll("main b, header b, [data-injected]").length}`,
      ...new Set(texts.filter(text => text !== "").map(text => `text ${text}`)),
    ].join("\n"), "*");
  }, 200);
}, 200));

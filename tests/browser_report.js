// Runs inside of a page of `colonnade report` that tests/browser_report.sh has put into a frame, and tells
// the frame's owner what it sees. Before the page's own scripts, so that it hears of their errors.
"use strict";
const problems = [];
addEventListener("error", event => problems.push("error: " + event.message));
addEventListener("unhandledrejection", event => problems.push("rejection: " + event.reason));
document.addEventListener("securitypolicyviolation", event => problems.push("refused: " + event.blockedURI));
for (const kind of ["error", "warn"]) console[kind] = (...words) => problems.push(kind + ": " + words.join(" "));

/** Whether a canvas has pixels of the colour of a run. */
function isDrawn(canvas) {
  if (canvas.width === 0 || canvas.height === 0) return false;
  const style = getComputedStyle(document.documentElement);
  const colours = new Set([0, 1, 2].map(
    run => parseInt(style.getPropertyValue(`--run${run}`).trim().slice(1), 16)));
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  for (let i = 0; i < pixels.length; i += 4) {
    if (colours.has(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]) && pixels[i + 3] === 255) return true;
  }
  return false;
}
const countDrawn = () => [...document.querySelectorAll("canvas")].filter(isDrawn).length;

addEventListener("load", () => setTimeout(() => {
  const drawn = countDrawn();
  const texts = [...document.querySelectorAll("button, th")].map(node => node.textContent);
  // Another scale, and no run any more.
  for (const node of document.querySelectorAll("input, #legend button")) node.click();
  setTimeout(() => {
    parent.postMessage([
      ...problems,
      `drawn ${drawn}`,
      `drawn when hidden ${countDrawn()}`,
      `bars ${document.querySelectorAll(".bar").length}`,
      `loaded ${performance.getEntriesByType("resource").length}`,
      `wider ${document.documentElement.scrollWidth > innerWidth}`,
      `pressed ${document.querySelectorAll("[aria-pressed=true]").length}`,
      `injected ${document.querySelectorAll("main b, header b, [data-injected]").length}`,
      ...new Set(texts.filter(text => text !== "").map(text => `text ${text}`)),
    ].join("\n"), "*");
  }, 200);
}, 200));

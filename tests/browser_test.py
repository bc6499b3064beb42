"""The pages that the program writes, in headless Chromium: python3 tests/browser_test.py COLONNADE OUT

Each page is opened in light and dark, wide and as on a phone. It must load nothing but itself, report
no error, be no wider than the screen, and do what its keys say. Screenshots are left in the folder
OUT, to be looked at. Needs Debian's chromium-headless-shell (or chromium), and no library: the
browser is spoken to over a pipe, in its own protocol.
"""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

WIDE, PHONE = (1280, 900), (360, 740)

# Of each page: the command that writes it, and what is done with it in turn: keys that are pressed
# (or an address fragment to go to), an expression, and what that must be then.
STEP = "Number(location.hash.replace('#step=', ''))"
STEPS = "document.querySelectorAll('#steps button').length"
SHOWN = "document.querySelector('#steps [aria-current]').textContent.replace('⇄ ', '')"
PAGES = {
    "explain": (
        ["explain", "--html"],
        [
            (["ArrowRight"], STEP, 2),
            (["ArrowRight", "ArrowRight", "ArrowLeft"], STEP, 3),
            ([], SHOWN, "3"),
            ([], "document.querySelectorAll('.rank').length", 2),
            (["Home", "ArrowLeft"], STEP, 1),
            (["End", "ArrowRight"], f"{STEP} === {STEPS}", True),
            ([" "], "document.getElementById('play').getAttribute('aria-label')", "Pause"),
            ([" "], "document.getElementById('play').getAttribute('aria-label')", "Play"),
            ("#step=3", "document.querySelectorAll('.before').length", 2),
            ([], "document.getElementById('messages').textContent.includes('rank 0 sends')", True),
            ([], "document.querySelectorAll('button:not([aria-label]):not(#messages button)').length", 0),
        ],
    ),
    "explain-mesh": (
        ["explain", "--ranks", "4", "--mesh", "dp=2,tp=2", "--zero1", "--layout", "pair", "--html"],
        [("#step=3", "document.querySelectorAll('.cell.partial').length > 0", True)],
    ),
    "explain-large": (
        ["explain", "--ranks", "3", "--widths", "16,16,12", "--batch", "7", "--loss",
         "cross-entropy", "--html"],
        [("#step=3", "document.querySelectorAll('.owner').length", 9)],
    ),
}


class Browser:
    """Chromium, and its messages."""

    def __init__(self, program):
        to_browser, from_us = os.pipe()
        from_browser, to_us = os.pipe()

        def place_pipes():  # which the browser wants as 3 and 4
            ends = os.dup(to_browser), os.dup(to_us)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--remote-debugging-pipe", "about:blank"],
            preexec_fn=place_pipes, close_fds=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(to_us)
        self.write_end, self.read_end = from_us, from_browser
        self.rest, self.last_id, self.events, self.session = b"", 0, [], None

    def read(self):
        while b"\0" not in self.rest:
            piece = os.read(self.read_end, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.last_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def open(self, address, size, scheme, motion):
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.events = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                  deviceScaleFactor=1, mobile=size == PHONE)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion}])
        self.call("Page.navigate", url=address)
        self.wait_until("document.readyState === 'complete'")

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait_until(self, expression):
        for _ in range(600):
            if self.value(expression):
                return
            time.sleep(0.05)
        raise RuntimeError("this never became true: " + expression)

    def press(self, key):
        code = {" ": "Space"}.get(key, key)
        text = {"text": " "} if key == " " else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=code)

    def screenshot(self, path):
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))

    def complaints(self, address):
        """Errors that were reported, and whatever was loaded beside the page."""
        for event in self.events:
            method, params = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                yield "exception: " + json.dumps(params["exceptionDetails"])[:500]
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
                yield "console: " + json.dumps(params["args"])[:500]
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                yield "log: " + params["entry"]["text"]
            elif method == "Network.requestWillBeSent":
                url = params["request"]["url"]
                if url.split("#")[0] != address and not url.startswith("data:"):
                    yield "loads " + url

    def end(self):
        self.session = None
        self.call("Browser.close")
        self.process.wait(timeout=30)


class Tally:
    passed = failed = 0

    def check(self, name, holds, found=""):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {name} {found}")


def overflow(browser):
    return browser.value("document.documentElement.scrollWidth - innerWidth")


def try_keys(browser, tally, name, steps):
    for action, expression, wanted in steps:
        if isinstance(action, str):
            browser.value(f"location.hash = '{action}'")
            browser.value("new Promise((done) => setTimeout(done, 50))")
        else:
            for key in action:
                browser.press(key)
        found = browser.value(expression)
        tally.check(f"{name}: after {action}: {expression} is {wanted!r}", found == wanted,
                    f"but {found!r}")
        tally.check(f"{name}: after {action} it is no wider than the screen", overflow(browser) <= 0,
                    f"but by {overflow(browser)} pixels")


def try_page(browser, tally, name, path, steps, out):
    address = path.as_uri()
    for size in (WIDE, PHONE):
        for scheme in ("light", "dark"):
            where = f"{name}-{'phone' if size == PHONE else 'wide'}-{scheme}"
            browser.open(address, size, scheme, "no-preference" if scheme == "light" else "reduce")
            background = browser.value("getComputedStyle(document.body).backgroundColor")
            light = sum(int(part) for part in background[4:-1].split(",")[:3]) > 384
            tally.check(f"{where}: the paper is {scheme}", light == (scheme == "light"), background)
            tally.check(f"{where}: it is no wider than the screen", overflow(browser) <= 0,
                        f"but by {overflow(browser)} pixels")
            browser.screenshot(out / f"{where}.png")
            try_keys(browser, tally, where, steps)
            browser.screenshot(out / f"{where}-keys.png")
            time.sleep(0.1)
            browser.value("0")  # what was reported meanwhile has come by then
            complaints = list(browser.complaints(address))
            tally.check(f"{where}: no error, and nothing loaded", not complaints, complaints)


def main():
    program, out = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if chromium is None:
        sys.exit("no browser: apt-get install chromium-headless-shell fonts-dejavu-core")
    out.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    browser = Browser(chromium)
    for name, (arguments, steps) in PAGES.items():
        path = out / f"{name}.html"
        subprocess.run([program, *arguments, str(path)], check=True, stdout=subprocess.DEVNULL)
        try_page(browser, tally, name, path, steps, out)
    browser.end()
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(tally.failed > 0)


if __name__ == "__main__":
    main()

"""Headless Chromium by its DevTools protocol: pages that are opened, looked at, clicked and photographed.

Needs Chromium (`apt-get install chromium`) and `pip install websockets`.
"""

import base64
import json
import subprocess
import tempfile
import time
import urllib.request

from websockets.sync.client import connect


CONTRAST = """(() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const over = (top, low) => [0, 1, 2].map((i) => top[i] * top[3] + low[i] * (1 - top[3])).concat(1);
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, share, i) => {
    const v = c[i] / 255;
    return sum + share * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  }, 0);
  const behind = (e) => {
    const layers = [];
    for (let n = e; n; n = n.parentElement) layers.unshift(parse(getComputedStyle(n).backgroundColor));
    const base = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
    return layers.reduce((low, top) => over(top, low), base);
  };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const words = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join('');
    if (!words || !e.checkVisibility() || e.closest('button')?.disabled || /^(script|style|title|option)$/i.test(e.tagName)) continue;
    const style = getComputedStyle(e);
    const back = behind(e);
    const text = over(parse(e.namespaceURI.endsWith('svg') ? style.fill : style.color), back);
    const [a, b] = [light(text), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(`${e.tagName} '${words.slice(0, 30)}' ${ratio.toFixed(2)}`);
  }
  return found;
})()"""


class Page:
    """One page; everything that it logs, loads or throws is kept."""

    def __init__(self, url, socket):
        self.socket = connect(socket, max_size=1 << 28, ping_interval=None)
        self.count = 0
        self.problems = []
        self.hosts = set()
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.go(url)

    def send(self, method, **parameters):
        """A command's answer; what happens meanwhile is noted."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(timeout=60))
            if message.get("id") == self.count:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.note(message)

    def note(self, message):
        """Errors of the console, exceptions, and hosts that are asked."""
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(parameters["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
            self.problems.append(str([argument.get("value") for argument in parameters["args"]]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.problems.append(parameters["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            if not url.startswith("data:"):
                self.hosts.add(url.split("/")[2])

    def go(self, url):
        """Opens an address and waits until it is there."""
        self.send("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def run(self, script):
        """The value of a script, promises awaited."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, script, seconds=60):
        """Waits until a script's value is true, and gives it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                value = self.run(script)
            except RuntimeError:
                value = None  # between two pages
            if value:
                return value
            time.sleep(0.2)
        raise TimeoutError(f"not within {seconds} s: {script}")

    def click(self, selector):
        """Clicks as a mouse does: where the element is, if nothing lies over it."""
        element = json.dumps(selector)
        place = self.until(
            f"(() => {{ const e = document.querySelector({element}); if (!e || e.disabled) return null;"
            "e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
            "return r.width ? [r.x + r.width / 2, r.y + r.height / 2] : null; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def key(self, name):
        """Presses a key."""
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=name, code=name)

    def fill(self, selector, text):
        """Fills a field in, as a user who types."""
        self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.value = {json.dumps(text)};"
            "e.dispatchEvent(new Event('input', {bubbles: true}));"
            "e.dispatchEvent(new Event('change', {bubbles: true})); })()"
        )

    def scheme(self, name):
        """Light or dark, as the user's desk is."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def unnamed(self):
        """Fields and buttons without a name for those who do not see them."""
        return self.run(
            "[...document.querySelectorAll('input,select,textarea,button')].filter(e => !(e.ariaLabel || e.textContent.trim()"
            " || e.labels?.[0]?.textContent.trim())).map(e => e.id || e.outerHTML)")

    def faint(self):
        """Texts that are seen and whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3); those of what is disabled may be."""
        return self.run(CONTRAST)

    def size(self, width, height):
        """The window's size, as that of a phone or a desk."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def picture(self, path, whole=False):
        """Saves what is seen, or the whole page."""
        self.send("Page.bringToFront")  # what lies behind is not drawn
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))


class Browser:
    """A headless Chromium with a profile of its own."""

    def __init__(self, port=9333):
        self.port = port
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--remote-debugging-port={port}",
             "--remote-allow-origins=*", f"--user-data-dir={self.profile.name}", "--lang=en", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(150):
            try:
                self.ask("version")
                return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError("Chromium does not start")

    def ask(self, path, method="GET"):
        """What the browser's own address answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def open(self, url):
        """A new page."""
        return Page(url, self.ask("new?about:blank", "PUT")["webSocketDebuggerUrl"])

    def close(self):
        """Ends the browser."""
        self.process.terminate()
        self.process.wait(10)
        self.profile.cleanup()

"""A page in headless Chromium, spoken to through a pipe: clicks, screenshots, what it asks for.

Chromium's DevTools protocol takes JSON, one message ended by a zero byte, on the file descriptors 3
and 4 (`--remote-debugging-pipe`).
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
# Where CI has none they fail, unless somebody has said why it can have none.
WHY_NOT = os.environ.get("G2D_NO_CHROMIUM", "" if os.environ.get("CI") else "there is no Chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None and bool(WHY_NOT), reason=WHY_NOT or "-")
PATIENCE = 60


class Page:
    """One tab.

    Attributes:
        complaints: What it wrote to the console, and what was thrown.
        requests: Every address it asked for.
    """

    def __init__(self, write, read):
        self._write, self._read = write, read
        self._number, self._buffer, self._session = 0, b"", None
        self._loaded = 0
        self.complaints, self.requests = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for part in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{part}.enable")

    def call(self, method, **parameters):
        """One command of the protocol and its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            said = self._next(end)
            if said.get("id") == self._number:
                assert "error" not in said, said
                return said["result"]
            self._hear(said)

    def open(self, path, width=1400, height=900, **media):
        """Loads a file in a window of that size; `media` are features such as `dark=True`."""
        self.size(width, height)
        self.media(**media)
        before = self._loaded
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        end = time.monotonic() + PATIENCE
        while self._loaded == before:
            self._hear(self._next(end))
        return self

    def size(self, width, height):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )

    def media(self, dark=False, paper=False):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="print" if paper else "", features=[scheme])

    def ask(self, script):
        """The value of an expression in the page, after two frames have been drawn."""
        frame = "await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));"
        wrapped = f"(async () => {{ {frame} return ({script}); }})()"
        said = self.call(
            "Runtime.evaluate", expression=wrapped, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def click(self, selector):
        """Clicks in the middle of an element, as a mouse does."""
        find = f"document.querySelector({json.dumps(selector)})"
        self.ask(f"{find}.scrollIntoView({{block: 'center'}})")
        box = self.ask(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
            f"({find}.getBoundingClientRect())"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                **{"type": kind, "x": box[0], "y": box[1], "button": "left", "clickCount": 1},
            )

    def key(self, name, text=""):
        """Presses a key."""
        for kind in ("keyDown", "keyUp"):
            code = {"Enter": 13, "Tab": 9, " ": 32}.get(name, 0)
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent",
                **{"type": kind, "key": name, "windowsVirtualKeyCode": code, **typed},
            )

    def type(self, text):
        self.call("Input.insertText", text=text)

    def picture(self, path, whole=False):
        """A screenshot; of the whole page where that is asked."""
        said = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(said["data"]))
        return path

    def paper(self):
        """The page printed, as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def _next(self, end):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            got = os.read(self._read, 1 << 20)
            assert got, "the browser is gone"
            self._buffer += got
        said, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(said)

    def _hear(self, said):
        what, told = said.get("method"), said.get("params", {})
        if what == "Page.loadEventFired":
            self._loaded += 1
        elif what == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif what == "Runtime.consoleAPICalled":
            self.complaints.append(str(told["args"]))
        elif what == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif what == "Log.entryAdded":
            self.complaints.append(told["entry"]["text"])


@contextlib.contextmanager
def chromium():
    """A tab of a browser of its own, ended afterwards."""
    to_browser, ours = os.pipe()
    theirs, from_browser = os.pipe()
    # The shell gives the pipes the numbers that Chromium expects.
    command = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [
                *("bash", "-c", command, "bash", CHROMIUM, "--headless=new", "--no-sandbox"),
                *("--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
                *("--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={profile}"),
            ],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        try:
            yield Page(ours, theirs)
        finally:
            os.close(ours)
            browser.terminate()
            try:
                browser.wait(timeout=10)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
            os.close(theirs)

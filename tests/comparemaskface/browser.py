"""A headless Chromium, led through its DevTools protocol (https://chromedevtools.github.io/devtools-protocol)."""

import base64
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from devstack.processes import ChildProcess
from tests.comparemaskface.service import TLS

CHROMIUM = Path("/usr/bin/chromium")
# No sandbox: CI is root in a container, where Chromium has none. The pages opened are our own.
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)


class Tab:
    """One page of the browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        """What the page wrote to its console, and the errors in it."""
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := json.loads(self._connection.recv(timeout=30))).get("id") != number:
            if message["method"] in {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}:
                self.events.append(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    def open(self, address: str) -> None:
        """Open an address and wait until the page is there."""
        self.do("Page.navigate", url=address)
        self.wait(f"location.href.startsWith({address!r}) && document.readyState === 'complete'")

    def read(self, script: str) -> Any:
        """Return the value of a script, run as after a person's gesture."""
        result = self.do(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, condition: str, *, seconds: float = 20) -> None:
        """Wait until a script's value is true."""
        ends = time.monotonic() + seconds
        while not self._holds(condition):
            if time.monotonic() > ends:
                raise TimeoutError(condition)
            time.sleep(0.05)  # between two looks: a page cannot report an arbitrary condition

    def _holds(self, condition: str) -> bool:
        """Return True if a condition holds; a page that gives way to another one answers nothing."""
        try:
            return bool(self.read(f"Boolean({condition})"))
        except RuntimeError as error:
            if "Inspected target navigated or closed" not in str(error):
                raise
            return False

    def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file in an input, as its dialog would."""
        root = self.do("DOM.getDocument")["root"]["nodeId"]
        node = self.do("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.do("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def press(self, key: str, *, code: int, text: str = "") -> None:
        """Press and release one key."""
        for kind in ("keyDown", "keyUp"):
            self.do(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text
            )

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Give the page another size, and the dark or the light colours."""
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        """Write the whole page as PNG."""
        content = self.do("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(content))


@contextmanager
def chromium(folder: Path, *options: str) -> Iterator[Tab]:
    """Start the browser with a new profile in a folder; yield its one tab. It ends with us."""
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder}", *options, "about:blank"]
    port = folder / "DevToolsActivePort"
    with ChildProcess(command, log=folder / "chromium.log", patience_seconds=2) as browser:
        browser.wait_until(lambda: port.exists() and "\n" in port.read_text(), seconds=30)
        address = f"http://127.0.0.1:{port.read_text().split()[0]}/json/list"
        targets = httpx.get(address, trust_env=False, verify=TLS).json()
        (address,) = (target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
        with connect(address, max_size=None, proxy=None) as connection:
            yield Tab(connection)

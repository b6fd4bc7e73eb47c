"""Drive a notebook in real JupyterLab and Chromium, for the tests marked `browser`.

JupyterLab keeps its settings, workspaces and runtime files in a temporary folder, and every request
that would leave this machine is refused and recorded in `Lab.outside`.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
]
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    "@jupyterlab/apputils-extension/sessionDialogs": {"skipKernelRestartDialog": True},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "contentVisibility"},
}
START_S = 60


def chromium() -> str:
    """Return the path of the browser: DEDUP_NB_CHROMIUM, else the first that is installed."""
    named = os.environ.get("DEDUP_NB_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found or not Path(found).exists():
        raise RuntimeError(
            f"no browser at {named or ', '.join(BROWSERS)}; install Chromium "
            "or set DEDUP_NB_CHROMIUM to the path of one"
        )
    return found


class Lab:
    """JupyterLab on `folder`, and a browser window on it; `with Lab(folder) as lab:`."""

    def __init__(self, folder, *, dark=False, width=1280, height=900, scale=1.0):
        self.folder, self.dark, self.scale = Path(folder), dark, scale
        self.size = {"width": width, "height": height}
        self.outside, self.complaints = [], []
        self.playwright = None
        self.ending = contextlib.ExitStack()

    def __enter__(self):
        try:
            self._start_server()
            self._start_browser()
        except BaseException:
            self.ending.close()
            raise
        return self

    def __exit__(self, *_):
        self.ending.close()

    # -- server ----------------------------------------------------------------------------------

    def _start_server(self):
        home = Path(tempfile.mkdtemp(prefix="dedup-nb-lab-"))
        self.ending.callback(shutil.rmtree, home, ignore_errors=True)
        theme = "JupyterLab Dark" if self.dark else "JupyterLab Light"
        settings = SETTINGS | {"@jupyterlab/apputils-extension/themes": {"theme": theme}}
        for name, values in settings.items():
            path = home / "settings" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.token = secrets.token_hex(16)
        self.base = f"http://127.0.0.1:{port}"
        self.log = home / "server.log"
        with open(self.log, "w") as log:
            self.server = subprocess.Popen(
                self._command(port),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=os.environ | _own_folders(home),
                start_new_session=True,
            )
        self.ending.callback(self._stop_server)
        self._wait_for_server()

    def _command(self, port):
        options = [
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.folder}",
            f"--IdentityProvider.token={self.token}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.news_url=",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.extension_manager=readonly",
        ]
        return [sys.executable, "-m", "jupyterlab", *options]

    def _wait_for_server(self):
        end = time.monotonic() + START_S
        while True:
            try:
                return self.rest("GET", "/api/status")
            except OSError:
                if self.server.poll() is not None or time.monotonic() > end:
                    tail = self.log.read_text()[-2000:]
                    raise RuntimeError(f"JupyterLab did not start:\n{tail}") from None
                time.sleep(0.2)

    def rest(self, method, path):
        """Ask the server's REST interface."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.base + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def _stop_server(self):
        with contextlib.suppress(OSError):
            self.rest("POST", "/api/shutdown")  # its kernels end with it
        try:
            self.server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()

    # -- browser ---------------------------------------------------------------------------------

    def _start_browser(self):
        path = chromium()
        self.playwright = self.playwright or self.ending.enter_context(sync_playwright())
        self.browser = self.playwright.chromium.launch(executable_path=path, args=BROWSER_OPTIONS)
        self.ending.callback(_close, self.browser)
        context = self.browser.new_context(
            viewport=self.size, device_scale_factor=self.scale, reduced_motion="reduce"
        )
        context.route(lambda url: not url.startswith(self.base), self._refuse)
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)  # a busy machine is slow, not wrong
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())

    def _refuse(self, route):
        self.outside.append(route.request.url)
        route.abort()

    def open(self, name):
        """Open a notebook in a fresh workspace and wait for its kernel.

        Now and then Chromium itself crashes, which says nothing of the page: then in a new one.
        """
        self.name = name
        try:
            self._open(name)
        except Error:
            if self.browser.is_connected():
                raise
            self._start_browser()
            self._open(name)

    def _open(self, name):
        space = secrets.token_hex(4)
        address = f"{self.base}/lab/workspaces/{space}/tree/{name}?reset&token={self.token}"
        self.page.goto(address, wait_until="domcontentloaded")
        self.page.wait_for_function("() => window.jupyterapp?.restored", timeout=START_S * 1000)
        self.page.evaluate("() => jupyterapp.restored")
        self._until(
            """async (name) => {
              const panels = [...jupyterapp.shell.widgets("main")];
              const panel = panels.find((one) => one.context?.path === name);
              if (!panel) return false;
              await panel.context.ready;
              window.panel = panel;
              jupyterapp.shell.activateById(panel.id);
              return panel.sessionContext.session?.kernel?.status === "idle";
            }""",
            name,
        )
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")
        self.page.evaluate("() => { jupyterapp.shell.collapseLeft(); }")

    def _until(self, question, argument=None):
        """Ask the page until it says yes; for questions that must themselves wait."""
        end = time.monotonic() + START_S
        while not self.page.evaluate(question, argument):
            assert time.monotonic() < end, f"never came true: {question}"
            time.sleep(0.1)

    def run_all(self, timeout_s=120):
        """Run every cell; raise with what a failing cell said."""
        try:
            self._run_all(timeout_s)
        except Error:
            if self.browser.is_connected():
                raise
            self.open(self.name)
            self._run_all(timeout_s)

    def _run_all(self, timeout_s):
        self.page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")
        self.page.wait_for_function(
            """() => {
              const code = panel.content.widgets.filter((cell) => cell.model.type === "code");
              const ran = code.every((cell) => cell.model.executionCount !== null);
              const failed = code.some((cell) => cell.model.outputs.toJSON()
                .some((output) => output.output_type === "error"));
              return failed || (ran && panel.sessionContext.session.kernel.status === "idle");
            }""",
            timeout=timeout_s * 1000,
        )
        errors = self.page.evaluate(
            """() => panel.content.widgets.flatMap((cell) => cell.model.outputs?.toJSON() ?? [])
              .filter((output) => output.output_type === "error")
              .map((output) => `${output.ename}: ${output.evalue}`)"""
        )
        assert errors == [], errors

    def settle(self):
        """Wait until the galleries have painted all they know: no choice or row waits any more."""
        self.page.evaluate("() => { window.quiet = 0; }")
        self.page.wait_for_function(  # is asked in each frame; what was painted takes some
            """() => {
              const waits = document.querySelector(".dnb-gallery[data-busy=true], .dnb-waiting");
              window.quiet = waits ? 0 : window.quiet + 1;
              return window.quiet > 3;
            }"""
        )

    def kernel(self, code):
        """Run code in the notebook's kernel and return what it printed."""
        return self.page.evaluate(
            """async (code) => {
              const kernel = panel.sessionContext.session.kernel;
              const future = kernel.requestExecute({ code, store_history: false });
              let text = "";
              future.onIOPub = ({ header, content }) => {
                if (header.msg_type === "stream") text += content.text;
                if (header.msg_type === "error") text += `${content.ename}: ${content.evalue}`;
              };
              await future.done;
              return text;
            }""",
            code,
        )

    def command(self, name, **arguments):
        """Execute one of JupyterLab's commands."""
        self.page.evaluate("([name, a]) => jupyterapp.commands.execute(name, a)", [name, arguments])

    def theme(self, dark):
        """Change to the dark or the light theme and wait until it shows."""
        self.command("apputils:change-theme", theme=f"JupyterLab {'Dark' if dark else 'Light'}")
        light = "false" if dark else "true"
        self.page.wait_for_function(
            "(light) => document.body.dataset.jpThemeLight === light", arg=light
        )

    def cells(self):
        """Return the types of the notebook's cells."""
        return self.page.evaluate("() => panel.content.widgets.map((cell) => cell.model.type)")


def _close(browser):
    with contextlib.suppress(Error):  # it crashed
        browser.close()


def _own_folders(home):
    names = ("config", "data", "run", "workspaces", "ipython", "settings")
    for name in names:
        (home / name).mkdir(exist_ok=True)
    return {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "run"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
    }

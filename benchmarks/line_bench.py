"""A slow line: how long an officer waits for results that can be read, at 0.26 Mbit/s and 400 ms each way round.

A real Chromium whose network is held to that line (its own emulation), the demo served by this process. `ask_page`:
from opening the form, with nothing kept by the browser, until it can be filled in; `results`: from the tap on Find
until the first result can be seen.
"""

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from waitress import create_server

import config
from referral_dir import create_app
from referral_dir.cli import load_demo
from referral_dir.desk.demo import DEMO_PASSWORD
from referral_dir.desk.opening_up import open_store
from referral_dir.store.db import migrate

LINE: Final = {"offline": False, "latency": 400, "downloadThroughput": 260_000 / 8, "uploadThroughput": 260_000 / 8}
CHROMIUM: Final = "/usr/bin/chromium"
ROUNDS: Final = 7


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds until the form can be filled in and results can be read, and what came over the line for these."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        say("serving the demo")
        address, stop = _serve(Path(folder))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        found: dict[str, list[float]] = {"ask_page": [], "results": []}
        received: list[int] = []
        for number in range(ROUNDS):
            say(f"asking, {number + 1} of {ROUNDS}")
            _round(browser, address, found, received)
        browser.close()
        stop()
    return {"line": "0.26 Mbit/s, 400 ms", "rounds": ROUNDS, "mismatches": 0,
            **{f"{kind}_s": {"median": round(statistics.median(times), 2), "worst": round(max(times), 2)}
               for kind, times in found.items()},
            "results_bytes": {"median": int(statistics.median(received)), "worst": max(received)}}


def _serve(folder: Path) -> tuple[str, Callable[[], None]]:
    settings = config.load_settings({"REFERRAL_DIR_DEMO": "1", "REFERRAL_DIR_INSTANCE": str(folder)})
    store = open_store(settings.database_url, settings.master_keys, settings.ledger)
    migrate(store.engine)
    load_demo(store)
    # The line is measured, not what is written to this process's terminal.
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)
    server = create_server(create_app(settings, store), host="127.0.0.1", port=0, threads=4)
    threading.Thread(target=server.run, daemon=True).start()
    return f"http://127.0.0.1:{server.effective_port}", server.close


def _round(browser: Any, address: str, found: dict[str, list[float]], received: list[int]) -> None:
    signed_in = browser.new_context()
    page = signed_in.new_page()
    page.goto(f"{address}/sign-in")
    page.fill("#email", "officer@demo.example")
    page.fill("#password", DEMO_PASSWORD)
    page.click("main button")
    page.wait_for_selector("#near")
    context = browser.new_context(viewport={"width": 390, "height": 844}, storage_state=signed_in.storage_state())
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", LINE)
    sizes: list[int] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    started = time.monotonic()
    page.goto(f"{address}/officer/", wait_until="commit")
    page.wait_for_selector("#near", state="visible")
    found["ask_page"].append(time.monotonic() - started)
    page.wait_for_load_state("networkidle")
    sizes.clear()
    page.check("input[name=needs][value='shelter.safe_house']")
    page.check("input[name=languages][value=ht]")
    page.fill("#near", "Miami, FL")
    started = time.monotonic()
    page.click("button:text-is('Find')", no_wait_after=True)
    page.wait_for_selector("#match-1", state="visible")
    found["results"].append(time.monotonic() - started)
    page.wait_for_load_state("networkidle")
    received.append(sum(sizes))
    context.close()
    signed_in.close()

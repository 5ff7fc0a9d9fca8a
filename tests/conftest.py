"""Fixtures that every test may ask for. The engine is started once for the whole run and stopped at its end."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import signal
import ssl
import types
from collections.abc import Iterator

import pytest
from hypothesis import settings

# No test fails by the clock, least of all beside another worker.
settings.register_profile("workbook", deadline=None)
settings.load_profile("workbook")

# `nohup make test &` starts us with SIGINT ignored, and so would be every child: tests of Ctrl-C need it heard.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Checks of exercises keep attempts in the user's own file; tests that want one name another.
os.environ["WORKBOOK_PROGRESS"] = "off"

# A worker of pytest-xdist has one core: torch's threads would spin on those of the others. Set before torch is loaded.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


# Each client of httpx reads all root certificates, 25 ms of CPU time, also one for the loopback: once is enough.
ssl.create_default_context = functools.cache(ssl.create_default_context)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need a GPU are skipped where there is none; those of the engine have time for its start, too.

    That counts for whichever test comes first. A start that takes too long is ended and told after 300 s.
    """
    no_gpu = shutil.which("nvidia-smi") is None
    for item in items:
        if no_gpu and item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU, and nvidia-smi is not here"))
        if item.get_closest_marker("engine") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def quick_servers() -> Iterator[None]:
    """Servers on threads of this process end at once: uvicorn sleeps 0.1 s two or three times for each, most of the
    time of a test that starts one."""
    from uvicorn import server

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / 20)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "asyncio", types.SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
        yield


@pytest.fixture(scope="session")
def engine() -> Iterator:
    """The shared vLLM engine; stopped at the end only if this run started it."""
    from reference.serving.engine import shared_engine, status

    was_up = status().phase in ("ready", "starting", "external")
    started = shared_engine(progress=None)
    yield started
    if not was_up:
        started.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """The machine's Chromium, headless; skipped where there is none. Ends with the module: its loop is in the way of
    asyncio tests."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        started = play.chromium.launch(executable_path=found, args=flags)
        yield started
        started.close()

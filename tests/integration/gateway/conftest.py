import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fake_engine import FakeEngine, running_engine

from reference.serving.gateway import RunningGateway, Settings, run_in_thread
from reference.serving.redis_store import PrivateRedis, private_redis

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "gateway"))
from tiny_model import write_tiny_model


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def redis_server() -> Iterator[PrivateRedis]:
    with private_redis() as server:
        yield server


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    with running_engine() as engine:
        yield engine


class Starter:
    """Starts gateways in front of one fake engine and one Redis; `settings` of a test override the quick defaults."""

    def __init__(self, stack: ExitStack, fake: FakeEngine, redis_url: str, model_dir: Path) -> None:
        self._stack = stack
        self._defaults: dict[str, Any] = {
            "engine_url": fake.base_url,
            "redis_url": redis_url,
            "model_dir": model_dir,
            "guardrails": False,
            "summariser": "extractive",
            "poll_interval_s": 0.1,
            "breaker_cooldown_s": 0.3,
            "retry_backoff_s": 0.01,
            "redis_retry_s": 0.2,
            # Time enough: whether Redis or a choice is late must not hang on how busy the machine is.
            "redis_timeout_s": 20,
            "chooser_timeout_s": 20,
        }

    def __call__(self, parts: dict[str, Any] | None = None, **settings: Any) -> RunningGateway:
        merged = Settings(**{**self._defaults, **settings})
        return self._stack.enter_context(run_in_thread(merged, **(parts or {})))


@pytest.fixture
def start(fake: FakeEngine, redis_server: PrivateRedis, model_dir: Path) -> Iterator[Starter]:
    with ExitStack() as stack:
        yield Starter(stack, fake, redis_server.url, model_dir)


@pytest.fixture
def start_in(fake: FakeEngine, redis_server: PrivateRedis, model_dir: Path) -> Callable[[ExitStack], Starter]:
    """For gateways that end before their test does: with a stack of the test's own."""
    return lambda stack: Starter(stack, fake, redis_server.url, model_dir)


@pytest.fixture(scope="module")
def fake_once() -> Iterator[FakeEngine]:
    """One fake engine for all tests of a module that leave its behaviour alone."""
    with running_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def start_once(fake_once: FakeEngine, model_dir: Path) -> Iterator[RunningGateway]:
    """One gateway for all tests of a module that do not change it."""
    with private_redis() as server, ExitStack() as stack:
        yield Starter(stack, fake_once, server.url, model_dir)()


@pytest.fixture(scope="module")
def metered_once(fake_once: FakeEngine, model_dir: Path) -> Iterator[RunningGateway]:
    """The same with usage counted."""
    with private_redis() as server, ExitStack() as stack:
        yield Starter(stack, fake_once, server.url, model_dir)(usage_enabled=True)

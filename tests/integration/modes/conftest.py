import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "gateway"))
sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "gateway"))
sys.path.insert(0, str(Path(__file__).parents[2] / "fakes"))
from fake_engine import FakeEngine, running_engine
from modes_parts import Service
from thread_worker import worker_on_a_thread
from tiny_model import write_tiny_model

from reference.serving.gateway import Settings, run_in_thread
from reference.serving.jobs import fleet as fleets
from reference.serving.jobs.settings import JobSettings
from reference.serving.modes import Modes, ModesSettings
from reference.serving.redis_store import PrivateRedis, private_redis


@pytest.fixture(scope="session")
def modes_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def modes_redis() -> Iterator[PrivateRedis]:
    with private_redis() as server:
        yield server


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    with running_engine() as engine:
        yield engine


class Starter:
    """Starts services in front of one fake engine and one Redis; with a worker on a thread, or with processes of
    workers for tests that kill some."""

    def __init__(self, stack: ExitStack, fake: FakeEngine, redis_url: str, model_dir: Path) -> None:
        self._stack, self._fake, self._redis_url, self._model_dir = stack, fake, redis_url, model_dir

    def __call__(
        self,
        worker: bool = False,
        processes: int = 0,
        modes: dict[str, Any] | None = None,
        jobs: dict[str, Any] | None = None,
        **gateway: Any,
    ) -> Service:
        settings = Settings(
            **{
                "engine_url": self._fake.base_url,
                "redis_url": self._redis_url,
                "model_dir": self._model_dir,
                "guardrails": False,
                "poll_interval_s": 0.1,
                "retry_backoff_s": 0.01,
                "default_rpm": 100_000,
                "default_tpm": 60_000_000,
                **gateway,
            }
        )
        quick = {"reconcile_s": 0.1, "retry_s": 0.05, "webhook_retry_s": 0.1, "lease_s": 3, "redeliver_s": 4}
        job_settings = JobSettings(
            **{"redis_url": self._redis_url, "engine_url": self._fake.base_url, **quick, **(jobs or {})}
        )
        extension = Modes(job_settings, ModesSettings(**{"batch_keep_s": 0.05, **(modes or {})}))
        gateway_ = self._stack.enter_context(run_in_thread(settings, extensions=[extension]))
        fleet = self._stack.enter_context(fleets.running(job_settings, processes)) if processes else None
        if worker:
            self._stack.enter_context(worker_on_a_thread(job_settings))
        return Service(gateway_, extension, fleet, settings)


@pytest.fixture
def start(fake: FakeEngine, modes_redis: PrivateRedis, modes_model_dir: Path) -> Iterator[Starter]:
    with ExitStack() as stack:
        yield Starter(stack, fake, modes_redis.url, modes_model_dir)

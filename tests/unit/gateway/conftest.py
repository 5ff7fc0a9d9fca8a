from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_model import write_tiny_model

from reference.serving.gateway.tokens import ModelTokenCounter
from reference.serving.redis_store import PrivateRedis, private_redis


@pytest.fixture(scope="session")
def counter(tmp_path_factory: pytest.TempPathFactory) -> ModelTokenCounter:
    return ModelTokenCounter(write_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def redis_server() -> Iterator[PrivateRedis]:
    with private_redis() as server:
        yield server

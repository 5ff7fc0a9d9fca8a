import importlib.util
from collections.abc import Iterator

import pytest

from reference.serving.load import LoadGenerator


@pytest.fixture(scope="session")
def generator() -> Iterator[LoadGenerator]:
    """One for the run: its start takes about 20 s of CPU time."""
    if importlib.util.find_spec("vllm") is None:  # looked for, not imported: that costs 10 s
        pytest.skip("the load generator is vLLM's benchmark client, and vLLM is not installed")
    with LoadGenerator() as one:
        yield one

"""What the tests of the guards share."""

import random

import pytest
from guardrails_support import PROMPT

from reference.serving.guardrails import Guardrails


@pytest.fixture(scope="session")
def guard() -> Guardrails:
    return Guardrails.default()


@pytest.fixture(scope="session")
def prompt() -> str:
    return PROMPT


@pytest.fixture(scope="session")
def token():
    """Makes a random-looking token of a length, the same in every run; no key stands in the source."""

    def make(length: int, alphabet: str = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") -> str:
        source = random.Random(length)
        return "".join(source.choice(alphabet) for _ in range(length))

    return make

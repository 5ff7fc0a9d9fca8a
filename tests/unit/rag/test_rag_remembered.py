"""Vectors of sentences are remembered; keys are read again when their file changes."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from reference.rag.answer.remembered import RememberedVectors
from reference.rag.service.access import KeyRing
from reference.serving.gateway.errors import GatewayError


class Counted:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts):
        self.asked.extend(texts)
        return np.array([[len(text), ord(text[0])] for text in texts], dtype=np.float32).reshape(-1, 2)


def test_a_text_is_embedded_once_and_the_order_is_that_of_the_call():
    embed = Counted()
    remembered = RememberedVectors(embed)
    remembered(["aa", "b"])
    found = remembered(["ccc", "b", "aa", "b"])
    assert embed.asked == ["aa", "b", "ccc"]
    assert found[:, 0].tolist() == [3, 1, 2, 1]
    assert remembered([]).shape == (0, 2)


def test_no_more_is_kept_than_allowed_and_what_was_used_last_stays():
    embed = Counted()
    remembered = RememberedVectors(embed, most=2)
    for texts in (["a", "b"], ["a"], ["c"], ["a"], ["b"]):
        remembered(texts)
    assert embed.asked == ["a", "b", "c", "b"]
    assert len(remembered) == 2
    assert remembered(["p", "q", "r", "s"]).shape == (4, 2)  # a call larger than the memory
    assert len(remembered) == 2


def checked(ring, key):
    return asyncio.run(ring.check(f"Bearer {key}"))


def test_keys_made_and_revoked_by_another_process_count_at_once(tmp_path):
    served, other = (KeyRing(tmp_path / "keys.jsonl") for _ in range(2))
    key, record = other.create("acme")
    assert checked(served, key).tenant == "acme"
    mine, _ = served.create("zorg")
    assert checked(other, mine).tenant == "zorg"
    assert checked(served, key).tenant == "acme"  # the one did not write over the other's
    other.revoke(record.key_id)
    with pytest.raises(GatewayError) as refused:
        checked(served, key)
    assert refused.value.status == 401


@pytest.mark.parametrize("damage", [lambda file: file.write_text("{ broken"), lambda file: file.unlink()])
def test_a_damaged_or_vanished_key_file_opens_no_door(tmp_path, damage):
    ring = KeyRing(tmp_path / "keys.jsonl")
    key, _ = ring.create("acme")
    damage(tmp_path / "keys.jsonl")
    with pytest.raises(GatewayError) as refused:
        checked(ring, key)
    assert refused.value.status == 503

"""A user's place in [0, 1): the same in every process, on every machine, for ever.

Python's own hash is salted per process, so it would send users to and fro at every restart.
"""

from __future__ import annotations

import hashlib

from reference.serving.rollout.types import RolloutError

_BITS = 53  # what a float holds exactly


def bucket(user: str, salt: str) -> float:
    """Uniform in [0, 1) by BLAKE2b; independent between salts. Raises RolloutError for an empty user id.

    A share that grows from a to b moves exactly the users in [a, b) to the candidate and nobody back.
    """
    if not user:
        raise RolloutError(
            "user: empty; give a stable id (account, device or session), or users change versions per request"
        )
    # The length keeps ("ab", "c") and ("a", "bc") apart.
    text = f"{len(salt)}:{salt}:{user}".encode()
    number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
    return (number >> (64 - _BITS)) / float(1 << _BITS)

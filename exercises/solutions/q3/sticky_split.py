"""A user's place depends on salt, rollout and user only: a share that grows from a to b moves exactly the users with a
place in [a, b) to the candidate, and nobody back. The rollout's name in the key gives every release other first users;
the length in front keeps ("ab", "c") and ("a", "bc") apart. The place of an empty user is refused before any phase is
looked at: without an id, everybody would share one place."""

import hashlib


def place_of(user, key):
    if not user:
        raise ValueError("user: empty; give a stable id")
    digest = hashlib.blake2b(f"{len(key)}:{key}:{user}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def on_candidate(users, rollout, salt, share, phase):
    places = [place_of(user, f"{salt}:{rollout}") for user in users]
    limit = {"running": share, "paused": share, "finished": 1.0, "rolled back": 0.0, "aborted": 0.0}[phase]
    return [user for user, place in zip(users, places) if place < limit]

"""Build it: who gets the candidate, by a hash and without a table, as the router of question 3 does it."""

from __future__ import annotations

import hashlib
from random import Random

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong
from reference.serving.rollout.routing.hashing import bucket
from reference.serving.rollout.routing.router import version_of
from reference.serving.rollout.types import CANDIDATE, Phase, RolloutError, RolloutState

FINAL = ("finished", "rolled back", "aborted")


def draw(random: Random) -> dict[str, object]:
    return {
        "salt": random.choice(["north", "harbour", "lantern", "granite", "meadow"]),
        "share": random.choice([0.2, 0.25, 0.3, 0.4]),
    }


def prompt(p: Params) -> str:
    return f"""The router keeps no table of users: a hash of user and rollout says who gets the candidate, in every
process and after every restart. Write `on_candidate(users, rollout, salt, share, phase)`: of the list `users` those who
get the candidate, in the order given. Your service has the salt `"{p["salt"]}"`, and its next rollout begins at
{p["share"]:.0%}.

The place of a user is a number from 0 to below 1: write `salt`, `":"` and `rollout` behind one another, this is the
key; take the text made of the length of the key in characters, `":"`, the key, `":"` and the user, in UTF-8; the
BLAKE2b hash of 8 bytes of it, read as a big-endian integer, shifted right by 11 bits, divided by 2 to the power of 53.
Whoever's place is below `share` is on the candidate, while the rollout is running or paused: who had the candidate
before a pause keeps it. After the end nobody's place matters: `"finished"` gives everybody the candidate,
`"rolled back"` and `"aborted"` give it to nobody. An empty user raises `ValueError`, whatever the phase."""


STUB = '''def on_candidate(users: list[str], rollout: str, salt: str, share: float, phase: str) -> list[str]:
    """Those of `users` who get the candidate, in the order given; a user who is there twice comes twice.

    share: 0.0 to 1.0. phase: "running", "paused", "finished", "rolled back" or "aborted".
    Raises ValueError for an empty user in any phase. `users` may be empty.
    """
    raise NotImplementedError
'''


def reference(users: list[str], rollout: str, salt: str, share: float, phase: str) -> list[str]:
    state = RolloutState(rollout, "m", "v1", "v2", Phase(phase), 0, share, 0.0, 1)
    try:
        places = [bucket(user, f"{salt}:{rollout}") for user in users]
    except RolloutError as error:
        raise ValueError(str(error)) from None
    return [user for user, place in zip(users, places, strict=True) if version_of(state, place)[1] == CANDIDATE]


def _chosen(users: list[str], key: str, share: float, phase: str) -> list[str]:
    """The same by hand for any key."""
    if "" in users:
        raise ValueError("user: empty")
    if phase in FINAL:
        return list(users) if phase == "finished" else []
    texts = [f"{len(key)}:{key}:{user}".encode() for user in users]
    numbers = [int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 11 for text in texts]
    return [user for user, number in zip(users, numbers, strict=True) if number / 2**53 < share]


def salt_without_rollout(users: list[str], rollout: str, salt: str, share: float, phase: str) -> list[str]:
    return _chosen(users, salt, share, phase)


def share_in_hash(users: list[str], rollout: str, salt: str, share: float, phase: str) -> list[str]:
    return _chosen(users, f"{salt}:{rollout}:{share:g}", share, phase)


def pause_sends_back(users: list[str], rollout: str, salt: str, share: float, phase: str) -> list[str]:
    chosen = _chosen(users, f"{salt}:{rollout}", share, phase)
    return [] if phase == "paused" else chosen


def final_phase_ignored(users: list[str], rollout: str, salt: str, share: float, phase: str) -> list[str]:
    return _chosen(users, f"{salt}:{rollout}", share, "running")


def cases(p: Params, random: Random) -> list[Case]:
    def some(size: int) -> list[str]:
        return [f"user-{number}" for number in random.sample(range(100_000), size)]

    def case(group: str, users: list[str], rollout: str, share: float, phase: str) -> Case:
        return Case(
            group, {"users": users, "rollout": rollout, "salt": p["salt"], "share": share, "phase": phase}
        )  # fmt: skip

    running, ramp, other, ended, odd = (
        "a running rollout", "a share that grows", "the next rollout", "paused and ended", "unusual users",
    )  # fmt: skip
    name = f"release-{random.randrange(10, 99)}"
    people = some(60)
    strange = ["ana@mail.example", "Zoë", "用户-7", "a:b", "1:x", " ", *some(20)]
    return [
        *(case(running, some(40), name, p["share"], "running") for _ in range(3)),
        *(case(ramp, people, name, share, "running") for share in (0.05, p["share"], 0.5, 1.0)),
        *(case(other, people, f"{name}-{k}", p["share"], "running") for k in (1, 2)),
        *(case(ended, some(40), name, p["share"], phase) for phase in ("paused", *FINAL)),
        case(odd, strange, name, 0.5, "running"),
        case(odd, [*strange[:5], *strange[:5]], name, 0.5, "paused"),
        case(odd, [*some(5), "", *some(5)], name, p["share"], "running"),
        case(odd, ["", *some(3)], name, p["share"], "aborted"),
        case(odd, [], name, p["share"], "running"),
    ]


EXERCISE = Exercise(
    id="q3-sticky-split",
    kind=Kind.BUILD,
    title="The same user, the same version",
    section="4.4",
    difficulty=2,
    minutes=15,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "`hashlib.blake2b(data, digest_size=8).digest()` and `int.from_bytes(digest, 'big')` do the hashing.",
        "Python's own `hash()` of a text changes from process to process: a restart would deal the users anew.",
        "What must not enter the key, so that a growing share takes nobody's version away again?",
    ),
    build=Build(
        name="on_candidate",
        stub=STUB,
        reference=reference,
        wrong=(
            Wrong("salt_without_rollout", salt_without_rollout),
            Wrong("share_in_hash", share_in_hash),
            Wrong("pause_sends_back", pause_sends_back),
            Wrong("final_phase_ignored", final_phase_ignored),
        ),
        cases=cases,
    ),
)

"""Build it: what receives a job's webhooks, and acts on each job once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from random import Random
from typing import Any

from exercises.model import Build, Case, Exercise, Kind, Params, Value, Wrong
from reference.serving.jobs.webhooks.signature import TOLERANCE_S, sign, verify


def draw(random: Random) -> dict[str, object]:
    return {"tolerance_s": int(TOLERANCE_S), "start": 1_790_000_000 + 1000 * random.randrange(9000)}


def prompt(p: Params) -> str:
    return f"""The service of question 7 tells a customer's server when a job has ended, and repeats a delivery until
it is answered, with a new time and a new signature each time. Write the customer's side: a class `Receiver` that is
made with the shared secret, and whose `take(...)` says of each delivery whether it is `"new"` (act on it),
`"repeated"` (answer, but do not act again) or `"refused"`. An attacker sees deliveries, sends them again and sends
forged ones; they do not know the secret. A time more than {p["tolerance_s"]} seconds away from now, in either
direction, is refused."""


STUB = '''class Receiver:
    """Takes the deliveries of one sender.

    A signature is "v1," and the base64 (standard alphabet, padded) of HMAC-SHA256 with the secret's UTF-8 bytes as key,
    over the UTF-8 bytes of "message_id.timestamp.body": the three as they came, two dots between them.
    While the sender changes its secret it signs with both, and several signatures stand in the header, apart by single
    spaces: one that is right is enough, whatever the others are.
    A message_id that was "new" once is never new again, whatever its time. A refused delivery leaves no trace.
    """

    def __init__(self, secret: str):
        raise NotImplementedError

    def take(self, message_id: str, timestamp: str, signatures: str, body: str, now: int) -> str:
        """One of "new", "repeated" and "refused". timestamp: whole seconds as decimal digits, anything else is refused.

        now: seconds; exactly 300 seconds away from the timestamp is still in time, more is not.
        """
        raise NotImplementedError
'''


class Reference:
    """The check that the notebook shows, and the ids that were taken."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._taken: set[str] = set()

    def genuine(self, message_id: str, timestamp: str, signatures: str, body: str, now: int) -> bool:
        return verify(self._secret, message_id, timestamp, signatures, body.encode(), now)

    def take(self, message_id: str, timestamp: str, signatures: str, body: str, now: int) -> str:
        if not self.genuine(message_id, timestamp, signatures, body, now):
            return "refused"
        if message_id in self._taken:
            return "repeated"
        self._taken.add(message_id)
        return "new"


class AgeUnchecked(Reference):
    """A delivery that was seen on the wire works for ever."""

    def genuine(self, message_id: str, timestamp: str, signatures: str, body: str, now: int) -> bool:
        return timestamp.isdecimal() and super().genuine(message_id, timestamp, signatures, body, int(timestamp))


class FutureAccepted(Reference):
    """Asks whether it is too old, and not whether it is too new."""

    def genuine(self, message_id: str, timestamp: str, signatures: str, body: str, now: int) -> bool:
        return timestamp.isdecimal() and super().genuine(
            message_id, timestamp, signatures, body, max(now, int(timestamp))
        )


class FirstSignatureOnly(Reference):
    """Refuses everything while the secret is being changed."""

    def genuine(self, message_id: str, timestamp: str, signatures: str, body: str, now: int) -> bool:
        return super().genuine(message_id, timestamp, signatures.split(" ")[0], body, now)


class SignsBodyOnly(Reference):
    """The body alone is signed by other senders, not by this one."""

    def genuine(self, message_id: str, timestamp: str, signatures: str, body: str, now: int) -> bool:
        digest = hmac.new(self._secret, body.encode(), hashlib.sha256).digest()
        return "v1," + base64.b64encode(digest).decode() in signatures.split(" ")


class RepeatBeforeSignature(Reference):
    """A forged delivery with the id of a real one keeps that one out."""

    def take(self, message_id: str, timestamp: str, signatures: str, body: str, now: int) -> str:
        if message_id in self._taken:
            return "repeated"
        self._taken.add(message_id)
        return "new" if self.genuine(message_id, timestamp, signatures, body, now) else "refused"


class RepeatTaken(Reference):
    """Trusts the sender to deliver once, which no sender can promise."""

    def take(self, message_id: str, timestamp: str, signatures: str, body: str, now: int) -> str:
        return "new" if self.genuine(message_id, timestamp, signatures, body, now) else "refused"


def drive(implementation: Any, arguments: dict[str, Value]) -> Value:
    """What one receiver says of each delivery, in their order."""
    receiver = implementation(arguments["secret"])
    return [receiver.take(**delivery) for delivery in arguments["deliveries"]]


def cases(p: Params, random: Random) -> list[Case]:
    def word(size: int = 16) -> str:
        return "".join(random.choice("0123456789abcdef") for _ in range(size))

    secret, old_secret = word(32), word(32)
    now = p["start"]

    def delivery(job: str = "", sent: int = 0, key: str = secret, **changed: str) -> dict[str, Value]:
        """A delivery sent so many seconds before now (negative: after), signed with `key`."""
        name, stamp = job or f"job-{word()}", now - sent
        body = json.dumps({"type": random.choice(["job.succeeded", "job.dead"]), "data": {"id": name, "note": "né"}})
        signed = sign(key.encode(), name, stamp, body.encode())
        fields = {"message_id": name, "timestamp": str(stamp), "signatures": signed, "body": body, "now": now}
        return {**fields, **changed}

    def forged(job: str = "") -> dict[str, Value]:
        return random.choice(
            (delivery(job, key=word(32)), delivery(job, body='{"type": "job.succeeded"}'), delivery(job, signatures=""))
        )

    def case(group: str, *deliveries: dict[str, Value]) -> Case:
        return Case(group, {"secret": secret, "deliveries": list(deliveries)})

    def mixed(*deliveries: dict[str, Value]) -> list[dict[str, Value]]:
        return random.sample(deliveries, len(deliveries))

    def both(first: str, second: str) -> dict[str, Value]:
        one = delivery(key=first)
        other = sign(second.encode(), one["message_id"], int(one["timestamp"]), one["body"].encode())
        return {**one, "signatures": f"{one['signatures']} {other}"}

    good = [
        case("genuine and forged", *mixed(*(delivery() for _ in range(4)), *(forged() for _ in range(3))))
        for _ in range(4)
    ]
    limit = p["tolerance_s"]
    times = [
        case("too old, too new", *mixed(
            delivery(), delivery(sent=limit), delivery(sent=-limit), delivery(sent=limit + random.randint(1, 900)),
            delivery(sent=-limit - random.randint(1, 900)), delivery(timestamp="soon"),
        ))
        for _ in range(3)
    ]  # fmt: skip
    rotated = [
        case("while the secret changes", *mixed(
            both(old_secret, secret), both(secret, old_secret), both(old_secret, word(32)), delivery(),
            delivery(signatures=f"v2,{word()} v1,{word()}"),
        ))
        for _ in range(3)
    ]  # fmt: skip
    again = []
    for _ in range(3):
        job = f"job-{word()}"
        first = delivery(job, sent=random.randint(30, 60))
        again.append(case("delivered again", first, *mixed(first, delivery(job), delivery()), delivery(job)))
    kept_out = []
    for _ in range(3):
        job = f"job-{word()}"
        kept_out.append(
            case("forged before the genuine one", forged(job), delivery(job), *mixed(delivery(job), forged()))
        )
    return [*good, *times, *rotated, *again, *kept_out]


EXERCISE = Exercise(
    id="q7-webhook-receiver",
    kind=Kind.BUILD,
    title="Take a webhook once",
    section="4.8",
    difficulty=2,
    minutes=20,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "hmac, hashlib and base64 of the standard library are all it takes.",
        "In which order do you look: at the time, the signature, the ids that you have seen?",
        "What may a delivery that you refuse change in your memory?",
    ),
    build=Build(
        name="Receiver",
        stub=STUB,
        reference=Reference,
        wrong=(
            Wrong("age_unchecked", AgeUnchecked),
            Wrong("future_accepted", FutureAccepted),
            Wrong("first_signature_only", FirstSignatureOnly),
            Wrong("signs_body_only", SignsBodyOnly),
            Wrong("repeat_before_signature", RepeatBeforeSignature),
            Wrong("repeat_taken", RepeatTaken),
        ),
        cases=cases,
        driver=drive,
    ),
)

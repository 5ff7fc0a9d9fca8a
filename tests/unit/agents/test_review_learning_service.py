"""The webhook's service keeps what it posted, learns what a later push mended, and lets old findings take no room."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from reference.agents.github.deliveries import Deliveries
from reference.agents.github.jobs import Job
from reference.agents.github.service import ReviewService
from reference.agents.learning import OutcomeStore
from reference.agents.orchestrator import Reviewer
from reference.agents.rules import registry
from reference.agents.sources import from_texts
from reference.agents.types import Agent, AgentReport, Finding, ReviewError, Status

SHOP, HEAD = "acme/shop", "a" * 40
OLD = "".join(f"line_{n} = {n}\n" for n in range(1, 9))
CHANGE = replace(
    from_texts({"a.py": OLD}, {"a.py": OLD.replace("= 3", "= 30").replace("= 4", "= 40")}, repository=SHOP),
    number=7, head=HEAD,
)  # fmt: skip


def fault(line: int, rule: str = "quality/bug") -> Finding:
    entry = registry()[rule]
    values = dict.fromkeys(entry.fields, "x")
    return Finding(entry.agent, rule, entry.severity, "a.py", line, line, values, evidence=f"{rule} {line}")


class Quality:
    agent = Agent.QUALITY

    def __init__(self) -> None:
        self.findings: tuple[Finding, ...] = ()
        self.status = Status.OK

    async def review(self, context: Any) -> AgentReport:
        return AgentReport(self.agent, self.findings, self.status, "" if self.status is Status.OK else "why")


class Poster:
    def __init__(self) -> None:
        self.payloads: list[dict[str, Any]] = []

    def post(self, repository: str, number: int, payload: dict[str, Any]) -> Any:
        self.payloads.append(payload)
        return SimpleNamespace(refused=())


class World:
    def __init__(self, outcomes: Any, cap: int = 10) -> None:
        self.specialist, self.poster, self.outcomes = Quality(), Poster(), outcomes
        reader = SimpleNamespace(
            pull=lambda repository, number: SimpleNamespace(draft=False, head=HEAD), change=lambda pull: CHANGE
        )
        reviewer = Reviewer([self.specialist], cap=cap, outcomes=outcomes)
        self.service = ReviewService(reader, reviewer, self.poster, Deliveries(), outcomes=outcomes)  # type: ignore[arg-type]

    def push(self, *findings: Finding, status: Status = Status.OK) -> list[Any]:
        """The comments of what is posted for it."""
        self.specialist.findings, self.specialist.status = findings, status
        before = len(self.poster.payloads)
        asyncio.run(self.service.work(Job(SHOP, 7, HEAD, "d", b"")))
        return [comment for one in self.poster.payloads[before:] for comment in one["comments"]]


@pytest.fixture
def store(tmp_path):
    made = OutcomeStore(tmp_path / "o.db")
    yield made
    made.close()


def test_what_was_posted_is_kept_and_what_a_push_mended_is_resolved(store):
    world = World(store)
    assert len(world.push(fault(3), fault(4, "quality/same-operands"))) == 2
    assert set(store.undecided(SHOP, 7)) == {fault(3).fingerprint, fault(4, "quality/same-operands").fingerprint}
    assert world.push(fault(3)) == []
    assert store.undecided(SHOP, 7) == {fault(3).fingerprint: "quality/bug"}
    assert store.acceptance(SHOP, "quality/same-operands").outcomes["resolved"] == 1


@pytest.mark.parametrize("status", [Status.DEGRADED, Status.FAILED, Status.TIMED_OUT])
def test_what_a_specialist_in_trouble_does_not_find_was_not_mended(store, status):
    world = World(store)
    world.push(fault(3))
    world.push(status=status)
    assert store.undecided(SHOP, 7) == {fault(3).fingerprint: "quality/bug"}


@pytest.mark.slow
def test_old_findings_take_no_room_under_the_cap(store):
    world = World(store, cap=1)
    assert len(world.push(fault(3))) == 1
    [comment] = world.push(fault(3), replace(fault(4, "quality/same-operands"), confidence=0.1))
    assert "quality/same-operands" in comment["body"]


def test_a_critical_finding_that_stands_is_not_posted_again_with_every_push(store):
    world = World(store)
    world.push(fault(3, "quality/merge-conflict"))
    assert [one["event"] for one in world.poster.payloads] == ["REQUEST_CHANGES"]
    world.push(fault(3, "quality/merge-conflict"))
    assert len(world.poster.payloads) == 1


@pytest.mark.slow
def test_a_muted_rule_is_not_posted(store):
    world = World(store)
    world.push(fault(3))
    for n in range(11):
        one = replace(fault(3), evidence=str(n))
        world.push(one)
        store.record_outcome(SHOP, 7, one.fingerprint, "rejected")
    before = len(world.poster.payloads)
    world.push(replace(fault(3), evidence="another"))
    assert store.muted(SHOP) == {"quality/bug"}
    assert len(world.poster.payloads) == before


def test_a_record_that_cannot_be_written_costs_no_review():
    class Broken:
        def muted(self, repository: str) -> frozenset[str]:
            return frozenset()

        def record_posted(self, review: Any) -> int:
            raise ReviewError("disk is full")

        def undecided(self, repository: str, pr: int) -> dict[str, str]:
            raise ReviewError("disk is full")

    world = World(Broken())
    assert len(world.push(fault(3))) == 1
    assert world.push(fault(3)) == []  # it is still known what was said

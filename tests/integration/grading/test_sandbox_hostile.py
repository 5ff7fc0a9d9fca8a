"""Every hostile submission ends as its file says, earns nothing, harms nobody and leaves nothing running."""

from __future__ import annotations

import resource
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hostile import Hostile, faults, limits_of, load, machine

from workbook.grading.sandbox import Bubblewrap, Namespaces, Sandbox, choose, processes
from workbook.grading.types import Ended

# Most of the submissions run until they are stopped.
pytestmark = pytest.mark.slow
SUBMISSIONS = load()


@dataclass
class Campaign:
    """All submissions in one sandbox. found: name -> what went wrong; seconds: name -> wall. seen: (process, when it
    began) of whatever ran."""

    found: dict[str, list[str]]
    seconds: dict[str, float]
    seen: set[tuple[int, str]]
    mounts: tuple[str, str]
    grown_mb: float


@pytest.fixture(scope="module", params=[Bubblewrap(), Namespaces()], ids=lambda one: one.name)
def campaign(request: pytest.FixtureRequest) -> Campaign:
    """Four at a time, for most of the long ones only wait to be stopped."""
    sandbox: Sandbox = request.param
    why = choose.fault(sandbox)
    if why:
        pytest.skip(f"{sandbox.name} does not work on this machine: {why}")
    seen: set[tuple[int, str]] = set()
    end = processes.end

    def watched(process, word, protected) -> None:
        seen.update((pid, began(pid)) for pid in processes.below(process.pid))
        end(process, word, protected)

    mounts, memory = Path("/proc/self/mounts").read_text(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.MonkeyPatch.context() as patch, machine() as told, ThreadPoolExecutor(4) as pool:
        patch.setattr(processes, "end", watched)

        def one(submission: Hostile) -> tuple[list[str], float]:
            begun = time.monotonic()
            return faults(submission, sandbox, told), time.monotonic() - begun

        results = dict(zip([each.name for each in SUBMISSIONS], pool.map(one, SUBMISSIONS), strict=True))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    return Campaign(
        {name: result[0] for name, result in results.items()},
        {name: result[1] for name, result in results.items()},
        seen,
        (mounts, Path("/proc/self/mounts").read_text()),
        grown,
    )


def began(pid: int) -> str:
    """When a process began, by which it is told from a later one with the same number; "" if it is not there."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
        return fields[19] if fields[0] not in "ZX" else ""
    return ""


@pytest.mark.parametrize("submission", SUBMISSIONS, ids=lambda one: one.name)
def test_it_ends_as_its_file_says_and_earns_nothing(campaign: Campaign, submission: Hostile) -> None:
    assert campaign.found[submission.name] == []


def test_none_takes_longer_than_its_limits(campaign: Campaign) -> None:
    late = {one.name for one in SUBMISSIONS if campaign.seconds[one.name] >= limits_of(one).total_s + 10}
    assert late == set()


def test_no_process_of_any_is_left(campaign: Campaign) -> None:
    stopped = [one for one in SUBMISSIONS if one.ends == (Ended.TIME,)]
    assert len(campaign.seen) >= len(stopped) > 0  # these run when they are looked at; others may have ended by then
    assert [pid for pid, when in campaign.seen if when and began(pid) == when] == []


def test_no_mount_is_left(campaign: Campaign) -> None:
    before, after = campaign.mounts
    assert after == before


def test_the_graders_own_memory_stays_flat(campaign: Campaign) -> None:
    assert campaign.grown_mb < 200


def test_there_are_many_and_each_says_what_it_tries() -> None:
    assert len(SUBMISSIONS) >= 35
    assert all(submission.ends for submission in SUBMISSIONS)

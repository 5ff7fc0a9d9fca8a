"""What this machine can do is what the clock and the operating system say, whatever they say."""

from __future__ import annotations

import datetime as dt
import itertools
import os
from typing import Any

import pytest

from reference.sizing import this_machine
from reference.sizing.units import magnitude


class Files:
    """Stands for Path: a few files with their text, no others."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def __call__(self, name: str) -> Any:
        texts = self.texts

        class File:
            def read_text(self, encoding: str) -> str:
                if name not in texts:
                    raise FileNotFoundError(name)
                return texts[name]

        return File()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    texts: dict[str, str] = {}
    monkeypatch.setattr(this_machine, "Path", Files(texts))
    return texts


def test_the_processor_has_the_name_behind_the_first_colon(files):
    files["/proc/cpuinfo"] = "processor\t: 0\nmodel name\t: Chip 7: the fast one \nmodel name\t: other\n"
    assert this_machine.cpu_name() == "Chip 7: the fast one"


@pytest.mark.parametrize("text", [None, "processor\t: 0\n"])
def test_a_processor_without_a_name_is_named_by_its_kind(text, files, monkeypatch):
    if text is not None:
        files["/proc/cpuinfo"] = text
    monkeypatch.setattr(this_machine.platform, "processor", lambda: "")
    monkeypatch.setattr(this_machine.platform, "machine", lambda: "arm64")
    assert this_machine.cpu_name() == "arm64"
    monkeypatch.setattr(this_machine.platform, "processor", lambda: "arm")
    assert this_machine.cpu_name() == "arm"


@pytest.mark.parametrize(
    ("limits", "bytes_"),
    [((None, None), 8000), (("max", None), 8000), (("5000", None), 5000), (("9000", "6000\n"), 6000),
     ((None, "9000"), 8000)],
)  # fmt: skip
def test_memory_is_the_machines_or_the_least_limit_of_the_container(limits, bytes_, files, monkeypatch):
    names = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    files |= {name: text for name, text in zip(names, limits, strict=True) if text is not None}
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 40, "SC_PHYS_PAGES": 200}.__getitem__)
    assert this_machine.memory_bytes() == bytes_


def test_the_fastest_and_the_median_repetition_count_and_the_first_run_does_not(monkeypatch):
    moments = itertools.accumulate([0.0, 5.0, 1.0, 2.0, 1.0, 4.0])
    monkeypatch.setattr(this_machine.time, "perf_counter", lambda: next(moments))
    runs: list[int] = []
    assert this_machine._best(lambda: runs.append(0), 3) == (2.0, 4.0)
    assert len(runs) == 4


def test_a_machine_is_described_by_what_was_timed(monkeypatch):
    # Each look at the clock is half a second after the one before.
    ticks = itertools.count(0.0, 0.5)
    monkeypatch.setattr(this_machine.time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(this_machine.util, "find_spec", lambda name: None)
    monkeypatch.setattr(this_machine, "cpu_name", lambda: "Chip")
    monkeypatch.setattr(this_machine, "memory_bytes", lambda: 3 * 2**30)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 5})
    # Plausible figures come out of the true sizes only, and those take seconds; here only the sums are of interest.
    monkeypatch.setattr(this_machine, "Hardware", dict)
    found = this_machine.measure_this_machine(repeats=2, megabytes=1, matrix=8)
    assert found["name"] == "Chip, 3 cores"
    assert magnitude(found["memory"], "GiB") == pytest.approx(3.0)
    assert magnitude(found["bandwidth"], "byte/s") == pytest.approx(2**20 / 0.5)
    assert magnitude(found["f32_flops"], "FLOP/s") == pytest.approx(2 * 8**3 / 0.5)
    assert found["bf16_flops"] == found["f32_flops"]
    evidence = found["evidence"]
    assert evidence.spread == "bandwidth median 0% above best, float32 median 0% above best"
    assert evidence.command.endswith("measure_this_machine(repeats=2, megabytes=1, matrix=8)")
    assert (evidence.n, evidence.date, set(evidence.versions)) == (2, dt.date.today(), {"numpy"})

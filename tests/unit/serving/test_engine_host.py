"""What an engine finds on a machine: containers of both kinds, CPUs without the instructions, made of files."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from reference.serving.engine import EngineError, host
from reference.serving.engine import state as files
from reference.serving.engine.failures import KNOWN_FAILURES, explain_failure
from reference.serving.engine.spec import EngineSpec, check_host

GB = 10**9


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A file system with the files given; the machine itself has 24 GB, 20 of them free, and 64 cores."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=24 * GB, available=20 * GB))
    monkeypatch.setattr("os.cpu_count", lambda: 64)

    def make(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


def test_without_a_container_the_machine_counts(machine):
    root = machine()
    assert host.memory_bytes(root) == (24 * GB, 20 * GB)
    assert host.usable_cores(root) == 64


@pytest.mark.parametrize(
    ("own", "folder", "names"),
    [
        ("0::/\n", "", ("memory.max", "memory.current", "inactive_file")),
        ("0::/user.slice/app\n", "user.slice/", ("memory.max", "memory.current", "inactive_file")),
        ("4:memory:/box\n", "memory/box/", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")),
        # Inside of a container the path is that outside: only the mount's own files are there.
        ("4:memory:/docker/1f\n", "memory/", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")),
    ],
)
def test_the_memory_of_a_container_is_what_its_control_group_leaves_without_files_that_were_read(
    machine, own, folder, names
):
    group = f"sys/fs/cgroup/{folder}"
    root = machine(**{
        "proc/self/cgroup": own,
        group + names[0]: "4000000000\n",
        group + names[1]: "3500000000\n",
        group + "memory.stat": f"anon 1\n{names[2]} 3000000000\n",
    })  # fmt: skip
    assert host.memory_bytes(root) == (4 * GB, 3_500_000_000)


def test_a_control_group_without_a_limit_changes_nothing(machine):
    root = machine(**{
        "proc/self/cgroup": "0::/\n4:memory:/box\n",
        "sys/fs/cgroup/memory.max": "max\n",
        "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "9223372036854771712\n",
    })  # fmt: skip
    assert host.memory_bytes(root) == (24 * GB, 20 * GB)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"sys/fs/cgroup/cpu.max": "250000 100000\n"}, 3),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, 64),
        ({"sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpuset.cpus.effective": "0-3,8\n"}, 5),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 64),
    ],
)
def test_the_cores_of_a_container_are_its_quota_or_its_set(machine, files, cores):
    assert host.usable_cores(machine(**files)) == cores


def test_the_engine_computes_on_the_cores_of_the_container(monkeypatch):
    monkeypatch.delenv("WORKBOOK_ENGINE_THREADS", raising=False)
    monkeypatch.setattr(host, "usable_cores", lambda: 3)
    monkeypatch.setenv("WORKBOOK_MODEL", "some-org/some-model")
    assert EngineSpec.from_environment().threads == 3


def test_shared_memory_is_measured_and_none_where_there_is_none(tmp_path):
    assert host.shared_memory_bytes(tmp_path) is None
    (tmp_path / "dev" / "shm").mkdir(parents=True)
    assert host.shared_memory_bytes(tmp_path) > 0


@pytest.fixture
def spec(monkeypatch):
    monkeypatch.setenv("WORKBOOK_MODEL", "some-org/some-model")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(host, "memory_bytes", lambda: (24 * GB, 20 * GB))
    monkeypatch.setattr(host, "shared_memory_bytes", lambda: GB)
    return EngineSpec.from_environment()


@pytest.mark.parametrize("flags", [{"avx2"}, {"avx2", "avx512f"}, set()])
def test_a_cpu_with_avx2_or_one_that_does_not_tell_is_let_through(spec, monkeypatch, machine, flags):
    root = machine(**{"proc/cpuinfo": f"flags\t: fpu {' '.join(flags)}\n" if flags else ""})
    found = host.cpu_flags(root)
    monkeypatch.setattr(host, "cpu_flags", lambda: found)
    check_host(spec)


def test_a_cpu_without_avx2_is_told_before_the_start(spec, monkeypatch, machine):
    found = host.cpu_flags(machine(**{"proc/cpuinfo": "processor : 0\nflags\t\t: fpu sse4_2 avx\n"}))
    monkeypatch.setattr(host, "cpu_flags", lambda: found)
    with pytest.raises(EngineError, match=r"no AVX2.*WORKBOOK_ENGINE_URL"):
        check_host(spec)


@pytest.mark.parametrize(("total", "mend"), [(24, "close something"), (2, "its container more memory")])
def test_too_little_memory_says_whether_closing_something_could_help(spec, monkeypatch, total, mend):
    monkeypatch.setattr(host, "memory_bytes", lambda: (total * GB, 1 * GB))
    with pytest.raises(EngineError, match=rf"1\.0 GB of {total}\.0 are free: .*{mend}"):
        check_host(spec)


@pytest.mark.parametrize("free", [None, 0, 64 * 10**6])
def test_a_container_with_docker_s_default_of_shared_memory_is_told_before_the_start(spec, monkeypatch, free):
    monkeypatch.setattr(host, "shared_memory_bytes", lambda: free)
    with pytest.raises(EngineError, match=r"MiB free and vLLM needs 160: .*--shm-size"):
        check_host(spec)


WARNED = (
    "WARNING Found ulimit of 20000 and failed to automatically increase with error current limit exceeds maximum "
    "limit. This can cause fd limit errors like `OSError: [Errno 24] Too many open files`. Consider increasing\n"
)


@pytest.mark.parametrize(
    ("log", "code", "expected"),
    [
        (
            WARNED + "RuntimeError: Insufficient space in /dev/shm for shared-memory allocation",
            1,
            "shm",
        ),
        (WARNED + "RuntimeError: something new", 1, "something new"),
        (
            "RuntimeError: Engine core initialization failed. Failed core proc(s): {'EngineCore_0': -9}",
            1,
            "too little mem",
        ),
        ("OSError: [Errno 28] No space left on device", 1, "TMPDIR"),
        ("OSError: [Errno 24] Too many open files", 1, "ulimit -n"),
        ("RuntimeError: can't start new thread", 1, "ulimit -u"),
        ("ModuleNotFoundError: No module named 'torch'", 1, "make setup"),
        ("", -4, "AVX2"),
        ("", -9, "WORKBOOK_ENGINE_KV_GIB"),
    ],
)
def test_an_engine_that_ends_at_its_start_says_what_to_do(log, code, expected):
    assert expected in explain_failure(log, code)


def test_an_unknown_end_names_the_log(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    said = explain_failure("RuntimeError: something new", 1)
    assert "something new" in said
    assert str(tmp_path / "engine" / "engine.log") in said


def test_every_known_failure_has_a_mend_of_its_own():
    assert len({mend for _, mend in KNOWN_FAILURES}) == len(KNOWN_FAILURES)


def test_a_corrected_clock_does_not_make_a_living_process_another_one(monkeypatch):
    before = files.start_time(os.getpid())
    monkeypatch.setattr(psutil.Process, "create_time", lambda self, *rest: 0.0)  # what the calendar would now say
    assert files.is_alive(os.getpid(), before)


def test_two_boots_of_one_machine_do_not_share_a_process(monkeypatch):
    before = files.start_time(os.getpid())
    real = Path.read_text
    now = Path("/proc/sys/kernel/random/boot_id").read_text()
    later = {"/proc/sys/kernel/random/boot_id": f"{(int(now[:4], 16) + 1) % 2**16:04x}{now[4:]}"}
    monkeypatch.setattr(Path, "read_text", lambda self, *rest, **named: later.get(str(self)) or real(self))
    assert not files.is_alive(os.getpid(), before)


def test_the_workers_of_an_engine_talk_over_loopback_unless_told_otherwise(spec, monkeypatch):
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    assert spec.environment("key")["GLOO_SOCKET_IFNAME"] == "lo"
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth1")
    assert spec.environment("key")["GLOO_SOCKET_IFNAME"] == "eth1"


def test_a_server_keeps_its_bytecode_where_that_is_switched_off(spec, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    server = [sys.executable, "-S", "-c", "import sys; print(sys.dont_write_bytecode)"]
    said = subprocess.check_output(server, env={**os.environ, **spec.environment("key")}, text=True)
    assert said.strip() == "False"


def test_a_server_keeps_idle_connections_longer_than_clients_do(spec):
    """Else it closes one just as a call is sent on it."""
    import httpx

    kept_s = int(spec.environment("key")["VLLM_HTTP_TIMEOUT_KEEP_ALIVE"])
    assert kept_s > httpx.Limits().keepalive_expiry
    assert kept_s > 60  # vLLM's load generator


def test_an_answer_that_breaks_off_is_none():
    """As when a server is killed while it answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            with listener.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of")

        server = threading.Thread(target=answer)
        server.start()
        assert files.get(f"http://127.0.0.1:{listener.getsockname()[1]}/metrics") == (0, "")
        server.join()

"""The private Redis: one per user and workbook, gone with its last user, its data kept, nothing stale left."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import redis

from reference.serving import redis_store

ROOT = Path(__file__).parents[3]


@pytest.fixture
def runtime(monkeypatch, tmp_path_factory):
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="wbt-"))  # short: sockets have a length limit
    monkeypatch.setenv("WORKBOOK_RUNTIME_DIR", str(folder))
    monkeypatch.delenv("REDIS_URL", raising=False)
    yield folder
    redis_store.stop_private()
    assert servers_in(folder) == []
    shutil.rmtree(folder)


def servers_in(folder):
    return [p.pid for p in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(p.info["cmdline"] or [])]


def run_user(code, **options):
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, **options)


# The server of a test outlives its last user for a moment only.
USE = (
    "from reference.serving import redis_private; redis_private.LINGER_S = 0.1;"
    "from reference.serving.redis_store import connect; c = connect(); c.set('k', 'v'); print('up', flush=True);"
)


def wait_gone(folder, timeout_s=15):
    deadline = time.monotonic() + timeout_s
    while servers_in(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_redis_url_of_the_environment_wins_and_starts_nothing(runtime, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert redis_store.redis_url() == "redis://127.0.0.1:1/0"
    assert servers_in(runtime) == []


def test_two_calls_attach_to_one_server_that_only_this_user_can_reach(runtime):
    assert redis_store.redis_url() == redis_store.redis_url()
    assert redis_store.connect().ping()
    assert len(servers_in(runtime)) == 2  # supervisor and server
    assert (runtime / "redis").stat().st_mode & 0o077 == 0
    assert redis_store.private_status()["running"] is True


@pytest.mark.slow
def test_processes_that_start_together_share_one_server(runtime):
    with ThreadPoolExecutor(4) as pool:
        code = USE + "print(c.info('server')['run_id']); input()"
        users = list(pool.map(lambda _: run_user(code, stdin=subprocess.PIPE), range(4)))
        ids = {(user.stdout.readline(), user.stdout.readline())[1] for user in users}
    assert len(ids) == 1
    for user in users:
        user.communicate("\n")
    assert wait_gone(runtime)


@pytest.mark.slow
def test_a_killed_user_leaves_no_orphan(runtime):
    user = run_user(USE + "input()", stdin=subprocess.PIPE)
    assert user.stdout.readline() == "up\n"
    assert servers_in(runtime)
    user.kill()
    user.wait()
    assert wait_gone(runtime)
    assert not (runtime / "redis" / "redis.sock").exists()
    assert not (runtime / "redis" / "supervisor.pid").exists()


@pytest.mark.slow
def test_data_is_there_at_the_next_start(runtime):
    run_user(USE).communicate()
    assert wait_gone(runtime)
    assert redis_store.connect().get("k") == b"v"
    redis_store.stop_private(wipe=True)
    assert redis_store.connect().get("k") is None


@pytest.mark.slow
def test_a_killed_supervisor_takes_its_server_along_and_the_next_start_works(runtime):
    assert redis_store.connect().ping()
    os.kill(redis_store.private_status()["pid"], signal.SIGKILL)
    assert wait_gone(runtime)
    assert redis_store.connect().ping()


def test_stale_files_of_a_crash_are_cleaned(runtime):
    folder = redis_store.runtime_dir()
    (folder / "redis.sock").write_text("")
    (folder / "supervisor.pid").write_text("1")
    assert redis_store.connect().ping()


def test_a_server_that_cannot_start_says_why(runtime):
    folder = redis_store.runtime_dir()
    (folder / "dump.rdb").write_bytes(b"not a dump")
    with pytest.raises(redis_store.RedisUnavailable, match=r"did not start .*; delete .*dump\.rdb"):
        redis_store.redis_url()
    (folder / "dump.rdb").unlink()


def test_a_runtime_directory_too_long_for_a_socket_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_RUNTIME_DIR", str(tmp_path / ("x" * 100)))
    with pytest.raises(redis_store.RedisUnavailable, match="WORKBOOK_RUNTIME_DIR"):
        redis_store.runtime_dir()


def test_isolated_servers_know_nothing_of_each_other():
    with redis_store.private_redis() as one, redis_store.private_redis() as other:
        redis_store.connect(one.url).set("k", "1")
        assert redis_store.connect(other.url).get("k") is None
        process = one._process
    assert process.poll() is not None


def test_an_isolated_server_can_be_stopped_and_started_again():
    with redis_store.private_redis() as server:
        client = redis_store.connect(server.url)
        client.set("k", "1")
        server.stop()
        with pytest.raises(redis.RedisError):
            redis.Redis.from_url(server.url, retry=None).ping()
        server.start()
        assert client.get("k") is None  # a crash loses what was only in memory


def test_a_burst_of_calls_waits_for_connections_instead_of_failing() -> None:
    async def burst(url: str) -> list[object]:
        client = redis_store.connect_async(url, timeout_s=60, connect_timeout_s=60)  # a slow machine fails nothing
        answers = await asyncio.gather(*(client.set(f"k{n}", "v") for n in range(500)), return_exceptions=True)
        await client.aclose()
        return answers

    with redis_store.private_redis() as server:
        assert asyncio.run(burst(server.url)) == [True] * 500

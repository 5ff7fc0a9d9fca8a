"""Holes that were open once, and files that only their owner may read."""

from __future__ import annotations

import asyncio
import csv
import io
import stat
import sys

import pytest

from reference.serving import redis_store
from reference.serving.engine import access
from workbook.doctor import security, security_files
from workbook.doctor.model import Check
from workbook.doctor.security_files import Private


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_interviews_are_written_for_their_owner_alone(monkeypatch, tmp_path):
    from workbook.interview.log import Log

    monkeypatch.setenv("WORKBOOK_INTERVIEWS", str(tmp_path / "new" / "interviews"))
    log = Log.create("q1")
    log.append({"kind": "note", "text": "mine"})
    log.close()
    assert (mode(log.path), mode(log.path.parent)) == (0o600, 0o700)


def test_redis_saves_its_data_for_its_owner_alone(tmp_path):
    with redis_store.private_redis(tmp_path) as server, redis_store.connect(server.url) as client:
        client.set("key", "hash")
        client.save()
    assert mode(tmp_path / "dump.rdb") == 0o600


def test_grades_are_written_for_their_owner_alone(tmp_path):
    from workbook.grading.csv_files import write_grades
    from workbook.grading.types import Assignment

    made = Assignment("a", (), (), (), {}, "secret", "2026-01-01")
    for path in write_grades(tmp_path / "grades.csv", made, []).values():
        assert mode(path) == 0o600


def test_an_index_of_own_documents_lies_in_a_closed_folder(monkeypatch, tmp_path):
    from reference.rag.ingest import folders

    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    assert mode(folders.index_folder("mine").parent) == 0o700


def test_a_usage_export_runs_nothing_in_a_spreadsheet():
    from reference.serving.gateway.usage import export

    file = io.StringIO()
    row = dict.fromkeys(export.COLUMNS, 3) | {"feature": '=HYPERLINK("http://x")', "model": "@SUM(1)", "batch": False}
    export._csv(file)(row)
    [written] = csv.DictReader(io.StringIO(file.getvalue()))
    assert written["feature"] == '\'=HYPERLINK("http://x")'
    assert written["model"] == "'@SUM(1)"
    assert (written["start_time"], written["batch"]) == ("3", "false")


def test_the_small_model_s_server_makes_a_key_where_none_is_given(monkeypatch, capsys):
    from reference.serving.model_routing import small_model_server as server

    given = []
    monkeypatch.delenv("SMALL_MODEL_API_KEY", raising=False)
    monkeypatch.setattr(server, "_embedder", lambda name: type("E", (), {"name": "e", "embed": None}))
    monkeypatch.setattr(server, "load", lambda path, name: type("M", (), {"version": "1"}))
    monkeypatch.setattr(server, "create_app", lambda *args: given.append(args[3]))
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: [one.close() for one in sockets])
    arguments = ["model.json", "--embedder", "a:b", "--port", "0"]
    assert server.main(arguments) == 0
    assert len(given[0]) > 16
    assert given[0] in capsys.readouterr().err
    monkeypatch.setenv("SMALL_MODEL_API_KEY", "a-key-of-this-test")
    assert server.main(arguments) == 0
    assert given[1] == "a-key-of-this-test"
    assert given[1] not in capsys.readouterr().err


# The engine: vLLM asks for its key below /v1 only.

KEY = "a-key-of-this-test"


def asked(
    monkeypatch, path: str, method: str = "POST", key: str | None = None, kind: str = "http", own: str = KEY
) -> str:
    """What becomes of a request: "served", or the status that the middleware answers."""
    monkeypatch.setenv("VLLM_API_KEY", own)
    sent: list[dict] = []

    async def app(scope, receive, send):
        sent.append({"type": "served"})

    async def send(message):
        sent.append(message)

    headers = [(b"Authorization", key.encode())] if key else []
    scope = {"type": kind, "method": method, "path": path, "headers": headers}
    asyncio.run(access.KeyEverywhere(app)(scope, None, send))
    return "served" if sent[0]["type"] == "served" else str(sent[0].get("status", sent[0].get("code")))


@pytest.mark.parametrize(
    "path", ["/invocations", "/tokenize", "/v1/models", "/docs", "/openapi.json", "/", "/metrics/x"]
)
def test_the_engine_computes_nothing_without_its_key(monkeypatch, path):
    assert asked(monkeypatch, path) == "401"
    assert asked(monkeypatch, path, key="Bearer other") == "401"
    assert asked(monkeypatch, path, key=KEY) == "401"
    assert asked(monkeypatch, path, key=f"Basic {KEY}") == "401"
    assert asked(monkeypatch, path, key=f"Bearer {KEY}") == "served"


@pytest.mark.parametrize("path", sorted(access.OPEN))
def test_probes_of_the_engine_need_no_key(monkeypatch, path):
    assert asked(monkeypatch, path, "GET") == "served"
    assert asked(monkeypatch, path, "POST") == "401"


def test_a_websocket_needs_the_key_and_the_start_of_the_server_does_not(monkeypatch):
    assert asked(monkeypatch, "/v1/realtime", kind="websocket") == "1008"
    assert asked(monkeypatch, "", kind="lifespan") == "served"
    assert asked(monkeypatch, "/invocations", own="") == "served"


def test_the_engine_is_started_with_that_check():
    from reference.serving.engine.spec import EngineSpec

    command = EngineSpec.from_environment().command(8000, "nonce")
    assert command[command.index("--middleware") + 1] == access.NAME
    module, _, name = access.NAME.rpartition(".")
    assert getattr(sys.modules[module], name) is access.KeyEverywhere


# What the doctor says of files.


@pytest.fixture
def private(monkeypatch, tmp_path):
    """One file in a folder that everybody may enter, as the only private one."""
    tmp_path.chmod(0o755)
    path = tmp_path / "state.json"
    path.write_text("{}")
    found = {"one": Private(path, "a key", secret=True)}
    monkeypatch.setattr(security_files, "private_files", lambda: iter(found.values()))
    return path, found


@pytest.mark.parametrize(("bits", "status"), [(0o600, "ok"), (0o640, "fail"), (0o604, "fail"), (0o644, "fail")])
def test_a_secret_that_others_may_read_fails_with_the_command_that_closes_it(private, bits, status):
    private[0].chmod(bits)
    [found] = security_files.permissions()
    assert found.status == status
    assert (str(private[0]) in found.mend) is (status == "fail")


def test_a_private_file_in_a_closed_folder_is_closed(private):
    path, found = private
    found["one"] = Private(path, "notes")
    path.chmod(0o644)
    closed = path.parent.stat().st_mode & 0o011 == 0 or any(not one.stat().st_mode & 0o011 for one in path.parents)
    assert security_files.permissions()[0].status == ("ok" if closed else "warn")
    path.parent.chmod(0o700)
    assert security_files.permissions()[0].status == "ok"


def test_the_places_of_private_files_are_looked_at(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WORKBOOK_INTERVIEWS", str(tmp_path / "interviews"))
    monkeypatch.setenv("RAG_KEYS_FILE", str(tmp_path / "keys.jsonl"))
    monkeypatch.chdir(tmp_path)
    for name in ("cache/engine/state.json", "interviews/q1-1.jsonl", "keys.jsonl", "course/instructor/assignment.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = {one.path for one in security_files.private_files()}
    for name in ("cache/engine", "cache/engine/state.json", "interviews/q1-1.jsonl", "keys.jsonl", "course/instructor"):
        assert tmp_path / name in found


# The command.


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warn", 0), ("not checked", 0), ("fail", 1)])
def test_only_a_failed_check_fails_the_command(cli, monkeypatch, status, code):
    monkeypatch.setattr(security, "run_checks", lambda deep: iter([Check("servers", status, "[x]", "mend it")]))
    result = cli("doctor", "--security")
    assert result.exit_code == code
    assert f"1 {status}" in result.stdout
    assert "mend: mend it" in result.stdout


def test_a_check_that_breaks_is_not_passed(monkeypatch):
    def broken() -> list[Check]:
        raise OSError("disk on fire")

    monkeypatch.setattr(security, "CHECKS", {"servers": broken})
    [found] = security.run_checks()
    assert (found.status, "disk on fire" in found.found) == ("not checked", True)


def test_the_history_is_read_when_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(security, "CHECKS", {})
    monkeypatch.setattr(security, "DEEP", {"history": lambda: [Check("history", "ok", "read")]})
    assert [one.name for one in security.run_checks()] == []
    assert [one.name for one in security.run_checks(deep=True)] == ["history"]

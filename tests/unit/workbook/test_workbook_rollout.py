"""workbook rollout: what it prints, what it refuses, and a rollout steered by one command after the other."""

import json
import shutil

import pytest
from test_cli_json import documented, emitted, printed

from reference.serving.redis_store import private_redis
from reference.serving.rollout.types import Policy, RolloutError
from workbook.rollout.common import read_policy


@pytest.fixture(scope="module")
def redis_server():
    with private_redis() as running:
        yield running


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory):
    """A database with tables and nothing in them: making them takes seconds, copying them none."""
    from reference.serving.rollout.registry import MlflowRegistry

    folder = tmp_path_factory.mktemp("mlflow")
    assert MlflowRegistry(folder=folder).versions("intent-router") == ()
    return folder / "mlflow.db"


@pytest.fixture
def home(tmp_path, monkeypatch, redis_server, empty_registry):
    """State, registry and engine of this test alone; the engine only remembers."""
    from reference.serving.redis_store import connect

    connect(redis_server.url).flushdb()
    shutil.copy(empty_registry, tmp_path / "mlflow.db")
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delenv("WORKBOOK_ROLLOUT_ENGINE_URL", raising=False)
    return tmp_path


class Remembers:
    names = set()  # noqa: RUF012  shared by the commands, as an engine is

    def loaded(self):
        return set(self.names)

    def load(self, served_as, path):
        self.names.add(served_as)

    def unload(self, served_as):
        self.names.discard(served_as)


@pytest.mark.slow
def test_a_rollout_is_steered_by_commands(cli, home, monkeypatch):
    monkeypatch.setattr("workbook.rollout.common.named_engine", Remembers)
    policy = home / "policy.json"
    policy.write_text(json.dumps({"drain_s": 0.0, "lease_s": 30.0}))
    seen = []

    def run(*args, code=0):
        result = cli("rollout", *args, "--json")
        assert result.exit_code == code, result.output
        seen.append(printed(result))
        return seen[-1]

    run("versions", "--register", "--production", "v1.0")
    assert [row["version"] for row in seen[0]["versions"] if "production" in row["aliases"]] == ["v1.0"]
    started = run("start", "r1", "v1.1", "--policy", str(policy))["rollout"]
    assert (started["phase"], started["share"]) == ("running", 0.05)
    assert run("watch", "r1", "--looks", "1", "--every", "0.1")["rollout"]["phase"] == "running"
    assert run("pause", "r1", "--reason", "lunch")["rollout"]["paused_by"] == "person"
    assert run("status")["rollout"]["phase"] == "paused"
    assert run("resume", "r1")["rollout"]["phase"] == "running"
    assert run("promote", "r1")["rollout"]["share"] == 0.25
    back = run("rollback", "r1", "--reason", "a customer called")["rollout"]
    assert (back["phase"], back["share"], back["pending"]) == ("rolled back", 0.0, "")
    assert run("watch", "r1", "--looks", "1", code=1)["looks"] == 1
    audit = run("audit", "r1")
    assert audit["fault"] == ""
    assert audit["head"] == audit["audit"][-1]["hash"]
    run("start", "r2", "v1.1")
    assert run("abort", "r2")["rollout"]["phase"] == "aborted"
    run("export", str(home / "out"))
    run("detect", "43200")
    run("simulate", "--rounds", "1", "--users-per-s", "0.5")
    names = documented("rollout") | documented("Every command")
    free = tuple(name.removesuffix(".*") for name in names if name.endswith(".*"))
    found = {name for record in seen for name in emitted(record)}
    unknown = {name for name in found if name.removesuffix("[]") not in names and name not in names}
    assert {name for name in unknown if not name.startswith(free)} == set()


@pytest.mark.slow
def test_an_audit_that_was_changed_is_reported_with_exit_code_1(cli, home, monkeypatch):
    from reference.serving.redis_store import connect

    monkeypatch.setattr("workbook.rollout.common.named_engine", Remembers)
    cli("rollout", "versions", "--register", "--production", "v1.0")
    cli("rollout", "start", "r1", "v1.1")
    connect().rpop("rollout:audit:r1")
    result = cli("rollout", "audit", "r1", "--json")
    assert result.exit_code == 1
    assert "missing" in printed(result)["fault"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("status", "nobody"), "no such rollout"),
        (("start", "r9", "v1.1"), "no version has the alias production"),
        (("versions", "--production", "v9"), "not registered"),
        (("detect", "1000", "--share", "2"), "share"),
        (("export", "/dev/null/x"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(cli, home, args, said):
    result = cli("rollout", *args, "--json")
    assert result.exit_code != 0
    assert said in printed(result)["error"]["message"]


@pytest.mark.slow
def test_without_an_engine_the_mend_is_named_and_a_rollback_still_works(cli, home, monkeypatch):
    cli("rollout", "versions", "--register", "--production", "v1.0")
    result = cli("rollout", "start", "r1", "v1.1", "--json")
    assert "WORKBOOK_ROLLOUT_ENGINE_URL" in printed(result)["error"]["message"]
    with monkeypatch.context() as patch:
        patch.setattr("workbook.rollout.common.named_engine", Remembers)
        cli("rollout", "start", "r2", "v1.1")
    state = printed(cli("rollout", "rollback", "r2", "--json"))["rollout"]
    assert (state["share"], state["pending"]) == (0.0, "unload")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "no object"),
        ('{"stepps": [1.0]}', "stepps"),
        ('{"steps": [0.5, 0.2, 1.0]}', "steps"),
        ('{"patience": "long"}', "wrong type"),
    ],
)
def test_a_wrong_policy_file_names_the_field(tmp_path, text, said):
    file = tmp_path / "policy.json"
    file.write_text(text)
    with pytest.raises(RolloutError, match=said):
        read_policy(file)
    with pytest.raises(RolloutError, match="cannot be read"):
        read_policy(tmp_path / "none.json")
    assert read_policy(None) == Policy()


@pytest.mark.slow
def test_a_following_controller_waits_for_a_rollout_and_works_on_it(cli, home, monkeypatch):
    monkeypatch.setattr("workbook.rollout.common.named_engine", Remembers)
    waiting = cli("rollout", "watch", "--follow", "--looks", "2", "--every", "0.1")
    assert waiting.exit_code == 0
    assert "no rollout runs" in waiting.output
    cli("rollout", "versions", "--register", "--production", "v1.0")
    cli("rollout", "start", "r1", "v1.1")
    assert "r1: running 5%" in cli("rollout", "watch", "--follow", "--looks", "1").output
    cli("rollout", "abort", "r1")
    assert cli("rollout", "watch", "--follow", "--looks", "1").exit_code == 0


@pytest.mark.slow
def test_a_controller_comes_up_while_its_engine_is_down_and_pauses(cli, home, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("workbook.rollout.common.named_engine", Remembers)
        cli("rollout", "versions", "--register", "--production", "v1.0")
        cli("rollout", "start", "r1", "v1.1")
    monkeypatch.setenv("WORKBOOK_ROLLOUT_ENGINE_URL", "http://127.0.0.1:9")
    cli("rollout", "watch", "r1", "--looks", "1")
    assert printed(cli("rollout", "status", "--json"))["rollout"]["paused_by"] == "engine"
    monkeypatch.setenv("WORKBOOK_ROLLOUT_ENGINE_URL", "localhost:9")
    assert "must begin with http" in cli("rollout", "watch", "r1", "--looks", "1").output

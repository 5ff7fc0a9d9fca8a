"""Keys in the tree, in the history and in what runs write: planted, and found; and never written by us."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from workbook.doctor import security_secrets

ROOT = Path(__file__).resolve().parents[3]
# Put together, so that this file holds no key itself.
PLANTED = "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
MARKER = "marker-" + "0f3c9b7d2e5a41c8"


@pytest.fixture
def checkout(tmp_path):
    """A git checkout with one commit per call of `commit`."""

    def git(*args: str) -> None:
        names = {"GIT_AUTHOR_NAME": "a", "GIT_COMMITTER_NAME": "a", "GIT_AUTHOR_EMAIL": "", "GIT_COMMITTER_EMAIL": ""}
        subprocess.run(["git", "-C", str(tmp_path), *args], check=True, capture_output=True, env=os.environ | names)

    git("init", "-q")

    def commit(name: str, text: str) -> None:
        (tmp_path / name).write_text(text)
        git("add", "-A")
        git("commit", "-q", "-m", "x")

    return tmp_path, commit


@pytest.mark.slow
def test_this_checkout_holds_no_key():
    [found] = security_secrets.tree(ROOT)
    assert found.status in ("ok", "not checked"), found.found  # not checked: no git checkout


def test_a_planted_key_is_found_and_not_repeated(checkout):
    root, commit = checkout
    commit("settings.py", f"x = 1\ntoken = '{PLANTED}'\n")
    [found] = security_secrets.tree(root)
    assert (found.status, "settings.py:2" in found.found) == ("fail", True)
    assert PLANTED not in found.found


def test_a_key_that_was_removed_is_still_in_the_history(checkout):
    root, commit = checkout
    commit("settings.py", f"token = '{PLANTED}'\n")
    commit("settings.py", "token = ''\n")
    assert security_secrets.tree(root)[0].status != "fail"
    [found] = security_secrets.history(root)
    assert (found.status, "settings.py@" in found.found) == ("fail", True)
    assert PLANTED not in found.found


@pytest.mark.slow
def test_a_clean_history_is_read_whole(checkout):
    root, commit = checkout
    commit("a.txt", "one\n")
    commit("a.txt", "two\n")
    [found] = security_secrets.history(root)
    assert (found.status, found.found.startswith("2 texts")) == ("ok", True)


def test_without_git_nothing_is_passed(tmp_path):
    assert security_secrets.tree(tmp_path)[0].status == "not checked"
    assert security_secrets.history(tmp_path)[0].status == "not checked"


def test_a_key_in_a_run_is_found_by_its_form_or_by_its_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_ENGINE_KEY", MARKER)
    run = tmp_path / "runs" / "1"
    run.mkdir(parents=True)
    (run / "q1.html").write_text("nothing here")
    assert security_secrets.runs(tmp_path / "runs")[0].status == "ok"
    (run / "q1.kernel.log").write_text(f"Authorization: {MARKER}")
    [found] = security_secrets.runs(tmp_path / "runs")
    assert (found.status, "value of WORKBOOK_ENGINE_KEY" in found.found) == ("fail", True)
    assert MARKER not in found.found
    (run / "q1.kernel.log").write_text(PLANTED)
    assert security_secrets.runs(tmp_path / "runs")[0].status == "fail"


def test_a_path_of_the_reader_s_home_in_a_run_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody-of-this-test")
    (tmp_path / "run.json").write_text('{"folder": "/home/somebody-of-this-test/runs/1"}')
    assert security_secrets.runs(tmp_path)[0].status == "warn"


def test_variables_that_hold_keys_are_known():
    environment = {
        "WORKBOOK_ENGINE_KEY": MARKER, "GITHUB_TOKEN": MARKER, "GATEWAY_KEY_PEPPER": MARKER,
        "REVIEW_WEBHOOK_SECRET": MARKER,
        "RAG_KEYS_FILE": "/some/where", "PATH": "/usr/bin", "OPENAI_API_KEY": "none",
    }  # fmt: skip
    assert set(security_secrets.key_variables(environment)) == {
        "WORKBOOK_ENGINE_KEY", "GITHUB_TOKEN", "GATEWAY_KEY_PEPPER", "REVIEW_WEBHOOK_SECRET",
    }  # fmt: skip


KEYS = (
    "WORKBOOK_ENGINE_KEY", "WORKBOOK_LARGE_ENGINE_KEY", "WORKBOOK_SECOND_OPINION_KEY", "OPENAI_API_KEY",
    "QDRANT_API_KEY", "ELASTICSEARCH_API_KEY", "SMALL_MODEL_API_KEY", "GATEWAY_ENGINE_API_KEY", "GATEWAY_KEY_PEPPER",
    "GITHUB_TOKEN",
    "REVIEW_READ_TOKEN", "REVIEW_WEBHOOK_SECRET", "HF_TOKEN", "DB_PASSWORD",
)  # fmt: skip


@pytest.mark.notebook
@pytest.mark.slow
def test_a_run_writes_no_key_of_the_environment(sized, tmp_path, monkeypatch):
    """A notebook that passes and one that fails, with everything that is written about them."""
    from workbook.runner.run import plan, run_steps

    for name in KEYS:
        monkeypatch.setenv(name, f"{MARKER}-{name}")
    sized.add("q0_fails", "# %%\nimport os\nkey = os.environ['GITHUB_TOKEN']\n# %%\nraise RuntimeError('no answer')\n")
    run = run_steps(plan(sized.notebooks), "ci", tmp_path / "runs")
    written = [path for path in run.folder.rglob("*") if path.is_file()]
    assert {"run.json", "index.html", "q0_fails.ipynb", "q0_fails.html"} <= {path.name for path in written}
    assert [path.name for path in written if MARKER.encode() in path.read_bytes()] == []


@pytest.mark.slow
def test_what_is_recorded_of_a_machine_and_a_call_holds_no_key(monkeypatch):
    import json

    from reference.serving.engine.handle import Engine
    from reference.serving.load import provenance
    from workbook import doctor, machine

    for name in KEYS:
        monkeypatch.setenv(name, f"{MARKER}-{name}")
    told = [machine.describe(), provenance.machine(), provenance.versions(("redis",))]
    checks = [doctor.CHECKS[name]().to_dict() for name in ("python", "cores", "memory", "packages", "ports")]
    assert MARKER not in json.dumps([told, checks], default=str)
    engine = Engine("http://127.0.0.1:1/v1", MARKER, "m", 8, True, 0.0)
    assert MARKER not in repr(engine)


def test_the_engine_s_key_is_on_no_command_line():
    from reference.serving.engine.spec import EngineSpec

    spec = EngineSpec.from_environment()
    environment = spec.environment(MARKER)
    assert MARKER in environment.values()
    assert not [word for word in spec.command(8000, "nonce") if MARKER in word or "api-key" in word]

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from reference.moderation.pipeline.moderator import Moderator
from reference.moderation.policy import PolicyBook
from reference.moderation.record.statement import schema
from workbook.cli import app

sys.path += [str(Path(__file__).parents[2] / "unit" / name) for name in ("moderation", "workbook")]
from mod_parts_fakes import ByteImages, SlowVideos, WordModel, WordRules
from test_cli_json import compare

LINES = [
    {"id": "1", "text": "good morning"},
    {"id": "2", "text": "rule:spam", "country": "DE"},
    {"id": "3", "txt": "x"},
    {"id": "4", "text": "habari", "language": "sw"},
]


@pytest.fixture
def moderate(monkeypatch, tmp_path):
    def made(policy=None, **settings):
        return Moderator(PolicyBook.load(policy), WordRules(), WordModel(), ByteImages(), SlowVideos(), **settings)

    monkeypatch.setattr("reference.moderation.pipeline.default_moderator", made)
    file = tmp_path / "posts.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in LINES))
    return lambda *options, where=file: CliRunner().invoke(app, ["moderate", str(where), *options])


def test_every_line_gets_a_decision_and_every_rejection_a_statement(moderate, tmp_path):
    out, said = tmp_path / "d.jsonl", tmp_path / "s.jsonl"
    result = moderate("--out", str(out), "--statements", str(said), "--json")
    assert result.exit_code == 1  # one line is no post
    record = json.loads(result.stdout)
    for row in record["decisions"]:
        for name in ("findings", "missing"):  # an approval has none: an empty list shows no names
            if not row[name]:
                del row[name]
    compare("moderate", record)
    actions = {row["post_id"]: row["action"] for row in map(json.loads, out.read_text().splitlines())}
    assert actions == {"1": "approve", "2": "reject", "3": "escalate", "4": "escalate"}
    statements = [json.loads(line) for line in said.read_text().splitlines()]
    assert [s["territorial_scope"] for s in statements] == [["DE"]]
    jsonschema.validate(statements[0], schema())
    assert "rule:spam" not in said.read_text()


def test_the_table_says_why(moderate):
    result = moderate()
    for words in ("reject", "spam", "A rule matched", "validated for the language sw", "line 3 (id 3)"):
        assert words in result.stdout


def test_wrong_files_are_named_before_any_work(moderate, tmp_path):
    assert moderate(where=tmp_path / "none.jsonl").exit_code == 3
    assert moderate("--out", str(tmp_path / "none" / "d.jsonl")).exit_code == 2
    result = moderate("--policy", str(tmp_path / "none"))
    assert result.exit_code == 3
    assert "folder of policy files" in result.stderr

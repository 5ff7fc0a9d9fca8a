"""`workbook ingest` with the real embedder on a folder of the user's; and freshness."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from reference.rag.embedding.choice import default_index_embedder, default_query_embedder
from reference.rag.ingest.folders import index_folder, index_names
from reference.rag.ingest.freshness import measure_freshness
from reference.rag.ingest.ingestion import Ingestion
from reference.rag.ingest.knowledge_base import KnowledgeBase
from reference.rag.types import PUBLIC, Document, RagError, Section
from reference.serving.models import cache_dir
from workbook.cli import app


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own that shares the exported model with the user's."""
    from reference.rag.embedding.onnx_export import onnx_file

    onnx_file("int8")
    own = tmp_path / "cache"
    own.mkdir()
    (own / "onnx").symlink_to(cache_dir() / "onnx")
    monkeypatch.setenv("WORKBOOK_CACHE", str(own))
    monkeypatch.delenv("QDRANT_URL", raising=False)
    return own


@pytest.fixture
def manuals(tmp_path: Path) -> Path:
    folder = tmp_path / "manuals"
    folder.mkdir()
    (folder / "boiler.md").write_text("# Boiler\n\n## Resetting\n\nHold the red button for five seconds.\n")
    (folder / "garden.html").write_text("<html><body><h1>Garden</h1><p>Water the tomatoes daily.</p></body></html>")
    (folder / "empty.pdf").write_bytes(b"")
    return folder


def ingest(*arguments: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, ["ingest", *arguments, "--json"])
    return result.exit_code, json.loads(result.stdout)


def documented_names() -> Any:
    path = Path(__file__).parents[2] / "unit" / "workbook" / "test_cli_json.py"
    spec = importlib.util.spec_from_file_location("documented_names", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.compare


def test_a_folder_becomes_an_index_that_answers_and_follows_changes(cache: Path, manuals: Path) -> None:
    code, first = ingest(str(manuals), "--name", "home")
    assert code == 0
    assert (first["run"]["documents"], first["run"]["added"], first["index"]["documents"]) == (2, 2, 2)
    assert [problem["file"] for problem in first["problems"]] == ["empty.pdf"]
    assert index_names() == ["home"]
    with KnowledgeBase.open(index_folder("home")) as base:
        embedder = default_query_embedder()
        assert base.manifest.embedder == embedder.name
        (hit, *_), *_ = base.dense.search(embedder.embed(["How do I restart the heating?"]), 1, [PUBLIC])
        assert "red button" in hit.chunk.text
        (hit, *_), *_ = base.lexical.search(["watering a tomato"], 1, [PUBLIC])
        assert "tomatoes" in hit.chunk.text
        assert base.token_vectors([hit.chunk.id])[hit.chunk.id].shape[1] == base.manifest.token_dimension
    (manuals / "garden.html").unlink()
    (manuals / "boiler.md").write_text("# Boiler\n\n## Resetting\n\nHold the blue button for nine seconds.\n")
    code, second = ingest(str(manuals), "--name", "home", "--prune")
    assert (second["run"]["changed"], second["run"]["removed"], second["index"]["documents"]) == (1, 1, 1)
    with KnowledgeBase.open(index_folder("home")) as base:
        texts = {hit.chunk.text for hit in base.lexical.search(["button tomatoes"], 9, [PUBLIC])[0]}
    assert len(texts) == 1
    assert "blue" in texts.pop()
    code, third = ingest(str(manuals), "--name", "home")
    assert third["run"]["tokens_per_second"] is None
    documented_names()("ingest", first, second, third)


def test_documents_of_a_tenant_are_found_by_that_tenant_only(cache: Path, manuals: Path) -> None:
    assert ingest(str(manuals), "--tenant", "acme")[0] == 0
    with KnowledgeBase.open(index_folder("mine")) as base:
        assert base.lexical.search(["button"], 1, [PUBLIC]) == [[]]
        assert len(base.lexical.search(["button"], 1, ["acme"])[0]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "either a PATH or a --corpus"),
        (["/etc", "--corpus", "ci"], 2, "either a PATH or a --corpus"),
        (["--corpus", "all"], 2, "no corpus 'all'"),
        (["--corpus", "ci", "--tenant", "a"], 2, "--tenant"),
        (["/no/such/folder"], 3, "/no/such/folder"),
        (["/etc", "--name", "../up"], 3, "../up"),
    ],
)
def test_a_wrong_command_line_is_named(cache: Path, arguments: list[str], code: int, message: str) -> None:
    found, record = ingest(*arguments)
    assert found == code
    assert message in record["error"]["message"]


def test_what_is_put_is_found_by_the_next_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QDRANT_URL", raising=False)
    documents = [
        Document(
            f"d{n}", f"Note {n}", "text", "x", (Section((f"Note {n}",), f"The number of the day is {n * 17}."),), str(n)
        )
        for n in range(3)
    ]
    with Ingestion(tmp_path / "index", default_index_embedder()) as ingestion:
        found = measure_freshness(ingestion, documents)
        assert len(found.dense) == len(found.lexical) == 3
        assert all(seconds > 0 for seconds in found.dense + found.lexical)
        with pytest.raises(RagError, match="by dense"):
            monkeypatch.setattr(ingestion.knowledge_base.dense, "search", lambda *_: [[]])
            measure_freshness(ingestion, documents[:1], timeout_s=0)

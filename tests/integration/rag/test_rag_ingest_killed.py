"""Ingestion killed at any moment, started again, killed again: in the end nothing is missing and nothing doubled."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

FAKES = Path(__file__).parents[2] / "unit" / "rag"
sys.path.insert(0, str(FAKES))

from rag_ingest_fakes import HashEmbedder, Paragraphs, made_documents  # noqa: E402

from reference.rag.ingest.disk import DiskFull  # noqa: E402
from reference.rag.ingest.ingestion import Ingestion  # noqa: E402
from reference.rag.ingest.knowledge_base import KnowledgeBase  # noqa: E402
from reference.rag.ingest.report import Documents  # noqa: E402

DOCUMENTS = 120
CHILD = """
import sys, time
sys.path.insert(0, sys.argv[1])
from rag_ingest_fakes import HashEmbedder, Paragraphs, made_documents
from reference.rag.ingest import ingestion as module, reading
from reference.rag.ingest.report import Documents

reading.READ_BATCH = 7
class Slow(Documents):
    def documents(self):
        for one in super().documents():
            time.sleep(0.002)
            yield one

with module.Ingestion(sys.argv[2], HashEmbedder(pause=0.03), Paragraphs(), window=8) as ingestion:
    print("started", flush=True)
    ingestion.run(Slow(made_documents(int(sys.argv[3]), version=int(sys.argv[4]))), prune=True)
print("finished", flush=True)
"""


def child(folder: Path, count: int, version: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", CHILD, str(FAKES), str(folder), str(count), str(version)]
    environment = {**os.environ, "QDRANT_URL": "", "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment)


def state(folder: Path) -> dict[str, object]:
    """Everything that a search can see, and the account of it."""
    with KnowledgeBase.open(folder, url="") as base:
        stored = {chunk.id: chunk for chunk in base.store.all_chunks()}
        return {
            "dense": base.dense.ids(),
            "lexical": base.lexical.ids(),
            "token_vectors": base.store.token_vector_ids(),
            "stored": stored,
            "documents": base.store.document_keys(),
            "counts": base.counts(),
        }


@pytest.mark.slow  # an ingestion is killed and begun anew, again and again
def test_killed_anywhere_it_ends_as_if_it_had_never_been_killed(tmp_path: Path) -> None:
    moment = random.Random(1)
    folder, straight = tmp_path / "killed", tmp_path / "straight"
    kills = 0
    for count, version in ((DOCUMENTS, 0), (DOCUMENTS - 10, 1)):  # the second time a third has changed, ten are gone
        with Ingestion(straight, HashEmbedder(), Paragraphs(), url="") as ingestion:
            ingestion.run(Documents(made_documents(count, version)), prune=True)
        for attempt in range(40):
            process = child(folder, count, version)
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            if attempt < 5:
                time.sleep(moment.uniform(0.0, 0.5))
                process.kill()
                kills += "finished" not in process.stdout.read()
                process.wait()
                continue
            output = process.stdout.read()
            assert process.wait() == 0
            assert "finished" in output
            break
    assert kills >= 6
    assert state(folder) == state(straight)
    ids = {chunk.id for one in made_documents(DOCUMENTS - 10, 1) for chunk in Paragraphs().chunk(one)}
    assert state(folder)["dense"] == ids


def test_a_disk_that_is_really_full_is_named_and_the_rest_follows_when_there_is_room(tmp_path: Path) -> None:
    """On a file system of its own, which is filled up; skipped where this user may not mount one."""
    mount = tmp_path / "small"
    mount.mkdir()
    command = shutil.which("mount")
    if (
        command is None
        or subprocess.run(
            [command, "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(mount)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("cannot mount a tmpfs here")
    try:
        documents = made_documents(60)
        ballast = mount / "ballast"
        with (
            pytest.raises(DiskFull, match="same command"),
            Ingestion(mount / "index", HashEmbedder(), Paragraphs(), window=8, url="") as ingestion,
        ):

            def fill(progress) -> None:  # type: ignore[no-untyped-def]
                if progress.chunks_done >= 30 and not ballast.exists():
                    with ballast.open("wb") as file:
                        file.write(b"x" * (shutil.disk_usage(mount).free - 100 * 10**6))

            ingestion.run(Documents(documents), progress=fill)
        ballast.unlink()
        with Ingestion(mount / "index", HashEmbedder(), Paragraphs(), window=8, url="") as ingestion:
            report = ingestion.run(Documents(documents))
        ids = {chunk.id for one in documents for chunk in Paragraphs().chunk(one)}
        found = state(mount / "index")
        assert found["dense"] == found["lexical"] == found["token_vectors"] == ids
        assert 0 < report.embedded < len(ids)
    finally:
        subprocess.run(["umount", str(mount)], check=True)

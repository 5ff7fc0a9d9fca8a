"""Ingestion: what is in the three stores after adding, changing, removing, failing and resuming."""

from __future__ import annotations

import errno
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from rag_ingest_fakes import HashEmbedder, Paragraphs, document, made_documents

from reference.rag.index.qdrant_edge_index import QdrantEdgeIndex
from reference.rag.ingest import disk
from reference.rag.ingest import manifest as manifests
from reference.rag.ingest.disk import DiskFull
from reference.rag.ingest.folder_lock import FolderInUse
from reference.rag.ingest.ingestion import Ingestion
from reference.rag.ingest.knowledge_base import KnowledgeBase, open_lexical
from reference.rag.ingest.manifest import ManifestError
from reference.rag.ingest.progress import Meter, Progress
from reference.rag.ingest.report import Documents, IngestError
from reference.rag.types import PUBLIC, RagError


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QDRANT_URL", raising=False)


def ingest(folder: Path, documents, embedder=None, **settings):  # type: ignore[no-untyped-def]
    with Ingestion(folder, embedder or HashEmbedder(), Paragraphs(), window=7) as ingestion:
        return ingestion.run(Documents(documents), **settings)


def contents(folder: Path) -> set[str]:
    """Chunk ids, the same in all three stores."""
    with KnowledgeBase.open(folder) as base:
        dense, lexical, tokens = base.dense.ids(), base.lexical.ids(), base.store.token_vector_ids()
        stored = {chunk.id for chunk in base.store.all_chunks()}
        counts = base.counts()
    assert dense == lexical == tokens == stored
    assert counts["pending"] == 0
    assert counts["indexed"] == counts["chunks"] == len(stored)
    return stored


def expected(documents) -> set[str]:  # type: ignore[no-untyped-def]
    return {chunk.id for one in documents for chunk in Paragraphs().chunk(one)}


def found(base: KnowledgeBase, words: str, tenants=(PUBLIC,)) -> list[str]:  # type: ignore[no-untyped-def]
    """Documents of the first hits, dense and lexical, which must agree."""
    dense = base.dense.search(HashEmbedder().embed([words]), 1, tenants)[0]
    lexical = base.lexical.search([words], 1, tenants)[0]
    assert [hit.chunk for hit in dense] == [hit.chunk for hit in lexical]
    return [hit.chunk.document_id for hit in dense]


@pytest.mark.slow
def test_every_chunk_is_in_all_three_stores(tmp_path: Path) -> None:
    documents = made_documents(20)
    report = ingest(tmp_path / "i", documents)
    assert contents(tmp_path / "i") == expected(documents)
    assert (report.documents, report.added, report.unchanged) == (20, 20, 0)
    assert report.embedded == report.chunks == len(expected(documents))


@pytest.mark.slow
def test_chunks_come_back_as_they_were_made(tmp_path: Path) -> None:
    one = document("d", "some words here", "other words there", title="A | B")
    ingest(tmp_path / "i", [one])
    chunks = {chunk.id: chunk for chunk in Paragraphs().chunk(one)}
    with KnowledgeBase.open(tmp_path / "i") as base:
        assert base.chunks(chunks) == chunks
        hits = base.dense.search(HashEmbedder().embed(["words"]), 5, [PUBLIC])[0]
        assert {hit.chunk.id: hit.chunk for hit in hits} == chunks
        assert {hit.chunk for hit in base.lexical.search(["words"], 5, [PUBLIC])[0]} == set(chunks.values())
        stored = base.store.document("d", PUBLIC)
    assert stored is not None
    assert (stored.sha256, stored.title, stored.licence, stored.state) == (one.sha256, "A | B", "MIT", "indexed")
    assert stored.chunk_ids == tuple(chunks)


@pytest.mark.slow
def test_token_vectors_come_back_within_their_quantisation(tmp_path: Path) -> None:
    one = document("d", "alpha beta gamma")
    ingest(tmp_path / "i", [one])
    (chunk,) = Paragraphs().chunk(one)
    _, (exact,) = HashEmbedder().embed_with_tokens([chunk.embedded_text])
    with KnowledgeBase.open(tmp_path / "i") as base:
        vectors = base.token_vectors([chunk.id, "unknown"])
        codes, scales = base.token_codes([chunk.id])[chunk.id]
    assert list(vectors) == [chunk.id]
    assert np.abs(vectors[chunk.id] - exact).max() < 0.01
    assert (codes.dtype, codes.shape, scales.shape) == (np.int8, (4, 8), (4,))


@pytest.mark.slow
def test_unchanged_documents_are_not_embedded_again(tmp_path: Path) -> None:
    ingest(tmp_path / "i", made_documents(10))
    embedder = HashEmbedder()
    report = ingest(tmp_path / "i", made_documents(10), embedder)
    assert embedder.embedded == []
    assert (report.unchanged, report.added, report.changed, report.embedded) == (10, 0, 0, 0)


@pytest.mark.slow
def test_a_changed_document_is_replaced_and_only_its_new_chunks_are_embedded(tmp_path: Path) -> None:
    folder = tmp_path / "i"
    ingest(folder, [document("d", "old words", "kept words"), document("e", "something else")])
    embedder = HashEmbedder()
    report = ingest(folder, [document("d", "fresh words", "kept words"), document("e", "something else")], embedder)
    assert embedder.embedded == ["Title\nfresh words"]
    assert (report.changed, report.unchanged) == (1, 1)
    assert contents(folder) == expected([document("d", "fresh words", "kept words"), document("e", "something else")])
    with KnowledgeBase.open(folder) as base:
        assert base.lexical.search(["old"], 5, [PUBLIC]) == [[]]


@pytest.mark.slow
def test_old_chunks_go_only_after_the_new_ones_can_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "i"
    ingest(folder, [document("d", "old words")])
    with Ingestion(folder, HashEmbedder(), Paragraphs()) as ingestion:
        seen = []
        remove = ingestion._remove

        def watched(chunk_ids: list[str]) -> None:
            seen.append({hit.chunk.text for hit in ingestion.knowledge_base.lexical.search(["words"], 5, [PUBLIC])[0]})
            remove(chunk_ids)

        monkeypatch.setattr(ingestion, "_remove", watched)
        ingestion.put(document("d", "new words"))
    assert seen == [{"old words", "new words"}]
    assert contents(folder) == expected([document("d", "new words")])


@pytest.mark.slow
def test_nothing_is_noted_as_done_before_it_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the files at the moment of the note, which is what a kill leaves, has the chunks in both indexes."""
    folder = tmp_path / "i"
    ingest(folder, made_documents(3))
    with Ingestion(folder, HashEmbedder(), Paragraphs(), window=7) as ingestion:
        noted, noting = [], ingestion.store.mark_indexed

        def watched(chunks, codes) -> None:  # type: ignore[no-untyped-def]
            copy = tmp_path / f"copy{len(noted)}"
            shutil.copytree(folder, copy)
            dense = QdrantEdgeIndex(copy / "dense", 32, "hash@1")
            lexical = open_lexical(copy, ingestion.manifest)
            noted.append({chunk.id for chunk in chunks} <= dense.ids() & lexical.ids())
            dense.close()
            lexical.close()
            noting(chunks, codes)

        monkeypatch.setattr(ingestion.store, "mark_indexed", watched)
        ingestion.run(Documents(made_documents(12)))
    assert noted
    assert all(noted)


@pytest.mark.slow
def test_a_new_title_reaches_the_index_though_the_text_is_the_same(tmp_path: Path) -> None:
    from dataclasses import replace

    one = document("d", "same words")
    ingest(tmp_path / "i", [one])
    ingest(tmp_path / "i", [replace(one, source="file:moved", sha256="other")])
    with KnowledgeBase.open(tmp_path / "i") as base:
        assert base.dense.search(HashEmbedder().embed(["same"]), 1, [PUBLIC])[0][0].chunk.source == "file:moved"
        assert base.dense.count() == 1


@pytest.mark.slow
def test_prune_drops_what_the_source_no_longer_has(tmp_path: Path) -> None:
    folder = tmp_path / "i"
    documents = made_documents(9)
    other = document("theirs", "other tenant", tenant="acme")
    ingest(folder, [*documents, other])
    ingest(folder, documents[:5])
    assert contents(folder) == expected([*documents, other])  # without prune nothing goes
    report = ingest(folder, documents[:5], prune=True)
    assert report.removed == 4
    assert contents(folder) == expected([*documents[:5], other])  # nor what belongs to a tenant that was not read
    ingest(folder, [], prune=True)
    assert contents(folder) == expected([*documents[:5], other])


@pytest.mark.slow
def test_single_documents_can_be_put_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / "i"
    with Ingestion(folder, HashEmbedder(), Paragraphs()) as ingestion:
        assert ingestion.put(document("a", "first words")) >= 0  # also into an empty index
        ingestion.put(document("b", "second text"))
        assert found(ingestion.knowledge_base, "second text") == ["b"]
        ingestion.put(document("b", "third story"))
        assert found(ingestion.knowledge_base, "third story") == ["b"]
        assert ingestion.remove("a", PUBLIC) == 1
        with pytest.raises(IngestError, match="'a'"):
            ingestion.remove("a", PUBLIC)
        with pytest.raises(IngestError, match="no text"):
            ingestion.put(document("b"))
    assert contents(folder) == expected([document("b", "third story")])


@pytest.mark.slow
def test_threads_may_put_remove_and_search_at_the_same_time(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    folder = tmp_path / "i"
    ingest(folder, made_documents(10))
    with Ingestion(folder, HashEmbedder(), Paragraphs()) as ingestion, ThreadPoolExecutor(6) as pool:

        def work(number: int) -> None:
            if number % 3 == 0:
                ingestion.put(document(f"new{number}", f"news about subject{number}"))
            elif number % 3 == 1 and number < 10:
                ingestion.remove(f"d{number}", PUBLIC)
            else:
                assert ingestion.knowledge_base.lexical.search(["document2"], 3, [PUBLIC])[0]
                assert ingestion.knowledge_base.dense.search(HashEmbedder().embed(["x"]), 3, [PUBLIC])[0]

        list(pool.map(work, range(24)))
    kept = [one for one in made_documents(10) if one.id not in ("d1", "d4", "d7")]
    fresh = [document(f"new{n}", f"news about subject{n}") for n in range(0, 24, 3)]
    assert contents(folder) == expected([*kept, *fresh])


@pytest.mark.slow
def test_tenants_keep_documents_of_one_name_apart(tmp_path: Path) -> None:
    folder = tmp_path / "i"
    ours, theirs = document("d", "secret plan", tenant="acme"), document("d", "public plan")
    ingest(folder, [ours, theirs])
    with KnowledgeBase.open(folder) as base:
        for tenants, texts in (
            (["acme"], {"secret plan"}),
            ([PUBLIC], {"public plan"}),
            (["nobody"], set()),
            ([], set()),
        ):
            assert {hit.chunk.text for hit in base.dense.search(HashEmbedder().embed(["plan"]), 5, tenants)[0]} == texts
            assert {hit.chunk.text for hit in base.lexical.search(["plan"], 5, tenants)[0]} == texts
    with Ingestion(folder, HashEmbedder(), Paragraphs()) as ingestion:
        ingestion.remove("d", "acme")
    assert contents(folder) == expected([theirs])


@pytest.mark.slow
def test_a_failure_in_the_middle_is_made_good_by_the_next_run(tmp_path: Path) -> None:
    folder, documents = tmp_path / "i", made_documents(25)

    class Breaks(HashEmbedder):
        def embed(self, texts):  # type: ignore[no-untyped-def]
            if len(self.embedded) > 20:
                raise RuntimeError("out of memory")
            return super().embed(texts)

    with pytest.raises(RuntimeError):
        ingest(folder, documents, Breaks())
    again = HashEmbedder()
    ingest(folder, documents, again)
    assert contents(folder) == expected(documents)
    assert 0 < len(again.embedded) < len(expected(documents))


@pytest.mark.slow
@pytest.mark.parametrize(
    "step", ["dense.upsert", "lexical.upsert", "store.mark_indexed", "dense.delete", "store.forget"]
)
def test_a_failure_between_any_two_writes_is_made_good(tmp_path: Path, step: str) -> None:
    folder = tmp_path / "i"
    ingest(folder, made_documents(12))
    changed = made_documents(12, version=1)
    ingestion = Ingestion(folder, HashEmbedder(), Paragraphs(), window=5)
    part = {"dense": ingestion._dense, "lexical": ingestion.knowledge_base.lexical, "store": ingestion.store}
    owner, method = step.split(".")
    real, calls = getattr(part[owner], method), []

    def fails(*arguments):  # type: ignore[no-untyped-def]
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    setattr(part[owner], method, fails)
    with pytest.raises(KeyboardInterrupt), ingestion:
        ingestion.run(Documents(changed))
    ingest(folder, changed)
    assert contents(folder) == expected(changed)


@pytest.mark.slow
def test_an_index_that_was_not_read_to_its_end_is_refused(tmp_path: Path) -> None:
    class Dies(Documents):
        def documents(self):  # type: ignore[no-untyped-def]
            yield from made_documents(60)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Ingestion(tmp_path / "i", HashEmbedder(), Paragraphs()) as ingestion:
        ingestion.run(Dies([]))
    with pytest.raises(ManifestError, match="not finished"):
        KnowledgeBase.open(tmp_path / "i")
    ingest(tmp_path / "i", made_documents(60))
    assert contents(tmp_path / "i") == expected(made_documents(60))


@pytest.mark.slow
def test_one_writer_alone_or_many_readers(tmp_path: Path) -> None:
    folder = tmp_path / "i"
    ingest(folder, made_documents(2))
    with Ingestion(folder, HashEmbedder(), Paragraphs()):
        with pytest.raises(FolderInUse, match="cannot be written"):
            Ingestion(folder, HashEmbedder(), Paragraphs())
        with pytest.raises(FolderInUse, match="being written"):
            KnowledgeBase.open(folder)
    with KnowledgeBase.open(folder) as one, KnowledgeBase.open(folder) as other:
        assert found(one, "document1 topic1") == found(other, "document1 topic1")
        with pytest.raises(FolderInUse):
            Ingestion(folder, HashEmbedder(), Paragraphs())
    Ingestion(folder, HashEmbedder(), Paragraphs()).close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("name", "other@2", r"embedder 'hash@1', not 'other@2'"),
        ("dimension", 64, r"dimension 32, not 64"),
        ("token_dimension", 16, r"token_dimension 8, not 16"),
    ],
)
def test_an_index_of_another_embedder_is_refused_with_both_values(
    tmp_path: Path, name: str, value: object, message: str
) -> None:
    ingest(tmp_path / "i", made_documents(2))
    embedder = HashEmbedder()
    setattr(embedder, name, value)
    with pytest.raises(ManifestError, match=message):
        Ingestion(tmp_path / "i", embedder, Paragraphs())
    contents(tmp_path / "i")  # the refusal let go of the lock


@pytest.mark.slow
def test_an_index_of_another_chunker_is_refused(tmp_path: Path) -> None:
    ingest(tmp_path / "i", made_documents(2))
    chunker = Paragraphs()
    chunker.name = "sentences"
    with pytest.raises(ManifestError, match="'paragraphs', not 'sentences'"):
        Ingestion(tmp_path / "i", HashEmbedder(), chunker)


def test_a_folder_that_is_no_index_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ManifestError, match=r"thesis\.tex"):
        Ingestion(tmp_path, HashEmbedder(), Paragraphs())
    with pytest.raises(ManifestError, match="workbook ingest"):
        KnowledgeBase.open(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"version": 99}', '{"version": 1}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / manifests.NAME).write_text(content)
    with pytest.raises(ManifestError, match=manifests.NAME):
        manifests.read(tmp_path)


def test_two_documents_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="two documents called 'd'"):
        ingest(tmp_path / "i", [document("d", "one"), document("d", "two")])


@pytest.mark.slow
def test_documents_without_text_are_no_obstacle(tmp_path: Path) -> None:
    report = ingest(tmp_path / "i", [document("empty"), document("d", "words")])
    assert report.documents == 2
    assert contents(tmp_path / "i") == expected([document("d", "words")])
    assert ingest(tmp_path / "nothing", []).chunks == 0


@pytest.mark.slow
def test_lone_surrogates_are_replaced(tmp_path: Path) -> None:
    ingest(tmp_path / "i", [document("d", "bad \ud800 byte")])
    with KnowledgeBase.open(tmp_path / "i") as base:
        assert [chunk.text for chunk in base.store.all_chunks()] == ["bad ? byte"]


@pytest.mark.slow
def test_progress_counts_to_the_end_and_tells_the_time_left(tmp_path: Path) -> None:
    seen: list[Progress] = []
    report = ingest(tmp_path / "i", made_documents(20), progress=seen.append)
    assert seen[0].phase == "read"
    last = seen[-1]
    assert (last.phase, last.chunks_done, last.chunks_total) == ("embed", report.embedded, report.embedded)
    assert last.tokens_done == last.tokens_total == report.tokens
    assert last.seconds_left == 0
    assert [one.chunks_done for one in seen] == sorted(one.chunks_done for one in seen)


def test_time_left_goes_by_tokens() -> None:
    now = [0.0]
    seen: list[Progress] = []
    meter = Meter(seen.append, clock=lambda: now[0])
    meter.begin_embedding(1, 10, 10, 1000)
    now[0] = 2.0
    meter.embedded(9, 200)
    assert seen[-1].tokens_per_second == 100
    assert seen[-1].seconds_left == 8


# A full disk


@pytest.mark.slow
def test_a_disk_that_fills_up_is_named_and_the_next_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, documents = tmp_path / "i", made_documents(25)
    usage = namedtuple("usage", "total used free")
    calls = []

    def shrinking(path):  # type: ignore[no-untyped-def]
        calls.append(path)
        return usage(10**12, 0, 10**12 if len(calls) < 5 else 10**6)

    monkeypatch.setattr(disk.shutil, "disk_usage", shrinking)
    with pytest.raises(DiskFull, match="1 MB left"):
        ingest(folder, documents)
    monkeypatch.undo()
    again = HashEmbedder()
    ingest(folder, documents, again)
    assert len(again.embedded) < len(expected(documents))
    assert contents(folder) == expected(documents)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["dense", "lexical"])
def test_no_space_left_while_writing_an_index_is_said_and_made_good(tmp_path: Path, where: str) -> None:
    folder, documents = tmp_path / "i", made_documents(25)
    ingest(folder, documents[:10])
    ingestion = Ingestion(folder, HashEmbedder(), Paragraphs(), window=7)

    def full(*_):  # type: ignore[no-untyped-def]
        raise OSError(errno.ENOSPC, "No space left on device")

    (ingestion._dense if where == "dense" else ingestion.knowledge_base.lexical).upsert = full
    with pytest.raises(DiskFull, match="same command"), ingestion:
        ingestion.run(Documents(documents))
    ingest(folder, documents)
    assert contents(folder) == expected(documents)


def test_a_full_database_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "i"
    with pytest.raises(DiskFull), Ingestion(folder, HashEmbedder(), Paragraphs()) as ingestion:
        pages = ingestion.store.connection.execute("PRAGMA page_count").fetchone()[0]
        ingestion.store.connection.execute(f"PRAGMA max_page_count = {pages}")
        ingestion.run(Documents([document("d", *(f"{n} " + "word " * 500 for n in range(50)))]))
    ingest(folder, made_documents(3))
    assert contents(folder) == expected(made_documents(3))


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_, **__):  # type: ignore[no-untyped-def]
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(RagError, match="that you may write"):
        Ingestion(tmp_path / "i", HashEmbedder(), Paragraphs())


# Lexical weights


@pytest.mark.slow
def test_weights_are_made_anew_when_chunks_have_become_longer(tmp_path: Path) -> None:
    folder = tmp_path / "i"
    ingest(folder, [document("short", "two words")])
    with Ingestion(folder, HashEmbedder(), Paragraphs()) as ingestion:
        before = ingestion.manifest.average_length
        long = document("long", *(f"part{n} " + "many different words in here " * 5 for n in range(5)))
        ingestion.put(long)
        assert ingestion.drift() > 1
        ingestion.run(Documents([long]))
        assert ingestion.drift() < 0.001
        assert ingestion.manifest.average_length > 2 * before
        assert found(ingestion.knowledge_base, "title two words") == ["short"]
    assert len([path for path in folder.iterdir() if path.name.startswith("lexical")]) == 1
    contents(folder)


@pytest.mark.slow
def test_a_kill_while_reweighing_leaves_an_index_that_works(tmp_path: Path) -> None:
    folder = tmp_path / "i"
    ingest(folder, made_documents(6))
    (current,) = folder.glob("lexical-*")
    shutil.copytree(current, folder / "lexical-99")
    with KnowledgeBase.open(folder) as base:
        assert found(base, "document4 topic4") == ["d4"]
    ingest(folder, made_documents(6))
    assert list(folder.glob("lexical-*")) == [current]

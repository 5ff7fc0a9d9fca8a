"""all-mpnet-base-v2 itself, where somebody installed it: an index of its own, and questions to it."""

from __future__ import annotations

import numpy as np
import pytest

from reference.rag.embedding import mpnet_files
from reference.rag.ingest import manifest as manifests
from reference.rag.ingest.defaults import embedder_of
from reference.rag.ingest.ingestion import Ingestion
from reference.rag.ingest.knowledge_base import KnowledgeBase
from reference.rag.query.opening import open_searcher
from reference.rag.query.requests import SearchError
from reference.rag.types import PUBLIC, Document, RagError, Section


@pytest.fixture(scope="module")
def folder():
    try:
        return mpnet_files.mpnet_folder()
    except RagError as error:
        pytest.skip(str(error))


def test_vectors_are_those_of_transformers(folder):
    import torch
    from transformers import MPNetModel

    from reference.rag.embedding.torch_mpnet import TorchMPNet

    embedder, model = TorchMPNet("float32", "cpu"), MPNetModel.from_pretrained(folder).eval()
    texts = ["apt", "How do I install a package?", "The kernel frees memory that nothing refers to. " * 12]
    for text, vector in zip(texts, embedder.embed(texts), strict=True):
        with torch.inference_mode():
            mean = model(torch.tensor(embedder.tokenise([text]))).last_hidden_state[0].mean(0).numpy()
        assert np.allclose(mean / np.linalg.norm(mean), vector, atol=1e-5)


@pytest.mark.usefixtures("folder")
def test_an_index_of_it_is_searched_with_it_and_refused_to_minilm(tmp_path, monkeypatch):
    monkeypatch.delenv("WORKBOOK_EMBEDDER", raising=False)
    texts = {"rain": "Clouds bring rain to the valley in spring.", "logs": "Rotate log files with a daily timer."}
    with Ingestion(tmp_path / "index", embedder_of(tmp_path / "index", "mpnet")) as ingestion:
        for name, text in texts.items():
            ingestion.put(Document(name, name, "text", name, (Section((name,), text),), sha256=name))
    manifest = manifests.read(tmp_path / "index")
    assert (manifest.dimension, manifest.chunker, manifest.token_dimension) == (768, "section-382-40", 0)
    with KnowledgeBase.open(tmp_path / "index") as base:
        found = open_searcher(base).search("When should I archive what programs wrote?", [PUBLIC], 1)
        assert found.hits[0].chunk.document_id == "logs"
        monkeypatch.setenv("WORKBOOK_EMBEDDER", "minilm")
        with pytest.raises(SearchError, match=r"all-mpnet-base-v2@.*all-MiniLM-L6-v2@"):
            open_searcher(base)

"""MiniLM held to transformers; on onnxruntime: the export, its check, its place in the cache."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from reference.rag.embedding import onnx_export
from reference.rag.embedding.choice import default_index_embedder, default_query_embedder
from reference.rag.embedding.onnx_minilm import OnnxMiniLM
from reference.rag.embedding.torch_minilm import TorchMiniLM
from reference.rag.minilm_files import minilm_folder, minilm_tokenizer
from reference.rag.types import RagError

TEXTS = ["How do I install a package?", "apt", "The kernel frees memory that nothing refers to. " * 12]


@pytest.fixture(scope="module")
def exact() -> np.ndarray:
    return TorchMiniLM("float32", device="cpu").embed(TEXTS)


def test_vectors_are_those_of_transformers(exact: np.ndarray) -> None:
    import torch
    from transformers import BertModel

    model = BertModel.from_pretrained(minilm_folder()).eval()
    for text, vector in zip(TEXTS, exact, strict=True):
        ids = torch.tensor([minilm_tokenizer().encode(text).ids])
        with torch.inference_mode():
            mean = model(ids).last_hidden_state[0].mean(0).numpy()
        assert np.allclose(mean / np.linalg.norm(mean), vector, atol=1e-5)


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.9999), ("int8", 0.98)])
def test_onnx_vectors_are_those_of_torch(exact: np.ndarray, precision: str, least: float) -> None:
    embedder = OnnxMiniLM(precision)
    found = embedder.embed(TEXTS)
    assert np.min((found * exact).sum(axis=1)) > least
    sentences, tokens = embedder.embed_with_tokens(TEXTS)
    assert np.allclose(sentences, found, atol=1e-5)
    torch_tokens = TorchMiniLM("float32", device="cpu").embed_with_tokens(TEXTS)[1]
    for mine, theirs in zip(tokens, torch_tokens, strict=True):
        assert mine.shape == theirs.shape
        assert (mine * theirs).sum(axis=1).mean() > least - 0.03 if len(mine) else True


def test_defaults_make_comparable_vectors(exact: np.ndarray) -> None:
    query, index = default_query_embedder(), default_index_embedder()
    assert query.name == index.name
    assert query is default_query_embedder()
    assert np.min((query.embed(TEXTS) * index.embed(TEXTS)).sum(axis=1)) > 0.98


def test_exporting_twice_takes_the_file_of_the_first_time() -> None:
    path = onnx_export.onnx_file("int8")
    before = path.stat().st_mtime_ns
    assert onnx_export.onnx_file("int8") == path
    assert path.stat().st_mtime_ns == before
    assert path.stat().st_size < onnx_export.onnx_file("fp32").stat().st_size / 3


def test_an_export_that_computes_something_else_is_refused(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    import onnx
    from onnx import numpy_helper

    source = onnx_export.onnx_file("fp32")
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))

    def damaged(target) -> None:  # type: ignore[no-untyped-def]
        model = onnx.load(source)
        weight = next(t for t in model.graph.initializer if list(t.dims) == [384, 384])
        values = numpy_helper.to_array(weight)
        weight.CopyFrom(numpy_helper.from_array(np.roll(values, 1, axis=0), weight.name))
        onnx.save(model, target)

    monkeypatch.setattr(onnx_export, "export", damaged)
    with pytest.raises(RagError, match="least cosine"):
        onnx_export.onnx_file("fp32")
    assert list((tmp_path / "onnx").glob("*.onnx")) == []


def test_a_weak_quantisation_is_tried_narrower_then_refused(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    source = onnx_export.onnx_file("fp32")
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    (tmp_path / "onnx").mkdir()
    shutil.copy(source, tmp_path / "onnx" / source.name)
    tried = []

    def copy(exact, target, *, narrow: bool) -> None:  # type: ignore[no-untyped-def]
        tried.append(narrow)
        shutil.copy(exact, target)

    monkeypatch.setattr(onnx_export, "quantise", copy)
    monkeypatch.setitem(onnx_export.LEAST_COSINE, "int8", 1.1)
    with pytest.raises(RagError, match="torch backend"):
        onnx_export.onnx_file("int8")
    assert tried == [False, True]


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(RagError, match="precision='int4'"):
        onnx_export.onnx_file("int4")

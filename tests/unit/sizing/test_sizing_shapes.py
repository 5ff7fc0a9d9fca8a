import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from reference.sizing import BadShape, from_hf_config, magnitude, parameter_count, shape, shape_keys
from reference.sizing.shapes import active_parameter_count

# Names in litgpt's table, which was written independently of ours.
LITGPT = {
    "llama-2-7b": "Llama-2-7b-hf",
    "llama-2-13b": "Llama-2-13b-hf",
    "llama-2-70b": "Llama-2-70b-hf",
    "llama-3.1-8b": "Llama-3.1-8B",
    "llama-3.1-70b": "Llama-3.1-70B",
    "mixtral-8x7b": "Mixtral-8x7B-v0.1",
    "qwen2.5-7b": "Qwen2.5-7B",
    "qwen2.5-72b": "Qwen2.5-72B",
    "smollm2-135m": "SmolLM2-135M",
}


@pytest.fixture(scope="module")
def litgpt_config() -> ModuleType:
    package = importlib.util.find_spec("litgpt")
    if package is None or not package.submodule_search_locations:
        pytest.skip("litgpt is not installed")
    # Its __init__ imports torch and more; this one file stands alone.
    path = Path(package.submodule_search_locations[0]) / "config.py"
    spec = importlib.util.spec_from_file_location("litgpt_config_alone", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_shape_is_compared_with_litgpt() -> None:
    assert set(LITGPT) == set(shape_keys())


@pytest.mark.parametrize("key", sorted(LITGPT))
def test_shape_equals_litgpts(key: str, litgpt_config: ModuleType) -> None:
    theirs, ours = litgpt_config.Config.from_name(LITGPT[key]), shape(key)
    pairs = {
        "layers": theirs.n_layer,
        "hidden": theirs.n_embd,
        "heads": theirs.n_head,
        "kv_heads": theirs.n_query_groups,
        "head_dim": theirs.head_size,
        "ffn": theirs.intermediate_size,
        "vocab": theirs.padded_vocab_size,
        "experts": theirs.n_expert or 1,
        "active_experts": theirs.n_expert_per_token or 1,
        "qkv_bias": theirs.attn_bias,
        "max_context": theirs.block_size,
    }
    assert {name: getattr(ours, name) for name in pairs} == pairs


@pytest.mark.parametrize(
    ("key", "billions"),
    [
        ("llama-2-7b", 6.738415616),
        ("llama-2-70b", 68.976648192),
        ("llama-3.1-8b", 8.030261248),
        ("llama-3.1-70b", 70.553706496),
        ("mixtral-8x7b", 46.702792704),
        ("qwen2.5-7b", 7.615616512),
        ("qwen2.5-72b", 72.706203648),
        ("smollm2-135m", 0.134515008),
    ],
)
def test_parameter_count_is_the_published_one(key: str, billions: float) -> None:
    # Counts printed on the model cards and by the checkpoints' metadata.
    assert magnitude(parameter_count(shape(key)), "parameter") == pytest.approx(billions * 1e9, rel=1e-9)


def test_experts_count_in_memory_but_only_active_ones_in_arithmetic() -> None:
    mixtral = shape("mixtral-8x7b")
    assert magnitude(active_parameter_count(mixtral), "parameter") == pytest.approx(12.88e9, rel=0.001)
    assert mixtral.active_parameters < mixtral.total_parameters
    assert shape("llama-3.1-8b").active_parameters == shape("llama-3.1-8b").total_parameters


CONFIG = {
    "model_type": "llama", "num_hidden_layers": 30, "hidden_size": 576, "num_attention_heads": 9,
    "num_key_value_heads": 3, "intermediate_size": 1536, "vocab_size": 49152, "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
}  # fmt: skip


def test_own_model_is_sized_from_its_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    for path in (tmp_path, tmp_path / "config.json"):
        assert from_hf_config(path).total_parameters == shape("smollm2-135m").total_parameters


def test_qwen2_config_has_biases_though_the_file_does_not_say_so(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "model_type": "qwen2"}))
    assert from_hf_config(tmp_path).qkv_bias


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "mamba"}, "mamba"),
        ({"num_hidden_layers": 0}, "layers"),
        ({"num_key_value_heads": 4}, "multiple of kv_heads"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"vocab_size": -5}, "vocab"),
    ],
)
def test_bad_config_names_the_field(tmp_path: Path, change: dict[str, object], message: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **change}))
    with pytest.raises(BadShape, match=message):
        from_hf_config(tmp_path)


def test_missing_field_and_broken_file_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(BadShape, match="cannot read"):
        from_hf_config(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BadShape, match="not JSON"):
        from_hf_config(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(BadShape, match="no JSON object"):
        from_hf_config(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({k: v for k, v in CONFIG.items() if k != "vocab_size"}))
    with pytest.raises(BadShape, match="vocab_size"):
        from_hf_config(tmp_path)


def test_unknown_shape_points_to_the_config_reader() -> None:
    with pytest.raises(KeyError, match="from_hf_config"):
        shape("gpt-2")

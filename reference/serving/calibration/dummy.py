"""An engine of a model shape whose weights are random: it computes as the real one does, and says nothing.

What a step costs depends on shapes and types, not on values, so a calibration needs no weights to be downloaded.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reference.serving.calibration.errors import CalibrationError
from reference.sizing.shapes import ModelShape

if TYPE_CHECKING:
    from reference.serving.engine import Engine

DTYPES = ("bf16", "fp8")
NGRAM = {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4}


def dummy_model(model: ModelShape, max_len: int = 8192) -> Path:
    """Folder with configuration and tokenizer of the shape, and no weights; made once, kept in the cache.

    The tokenizer has one word for each entry of the vocabulary: the server's path from tokens to text is a real one.
    """
    if model.experts > 1:
        raise CalibrationError(f"{model.key}: shapes with experts cannot be started as dummies yet")
    from filelock import FileLock

    from reference.serving.models import cache_dir

    root = cache_dir() / "models"
    root.mkdir(exist_ok=True)
    folder = root / f"dummy-{model.key}"
    with FileLock(root / ".dummy.lock"):
        folder.mkdir(exist_ok=True)
        config = {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": model.hidden,
            "intermediate_size": model.ffn,
            "num_hidden_layers": model.layers,
            "num_attention_heads": model.heads,
            "num_key_value_heads": model.kv_heads,
            "head_dim": model.head_dim,
            "vocab_size": model.vocab,
            "max_position_embeddings": min(model.max_context, max_len),
            "attention_bias": model.qkv_bias,
            "tie_word_embeddings": model.tied_embeddings,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-5,
            "torch_dtype": "bfloat16",
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        if not (folder / "tokenizer.json").exists():
            from tokenizers import Tokenizer, models, pre_tokenizers

            vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"w{i}": i for i in range(3, model.vocab)}
            made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
            made.pre_tokenizer = pre_tokenizers.Whitespace()
            made.save(str(folder / "tokenizer.json"))
        special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": max_len, **special}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")
        # An empty file of the format: the check of a model's folder asks for weights, `dummy` loads none.
        (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return folder


def engine_arguments(dtype: str = "bf16", speculation: str | None = None, extra: Sequence[str] = ()) -> list[str]:
    """Arguments of vLLM's server for a dummy. Raises CalibrationError for what this machine cannot do."""
    from reference.serving.engine.spec import gpu_count

    if dtype not in DTYPES:
        raise CalibrationError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    if speculation not in (None, "ngram"):
        raise CalibrationError(f"speculation must be 'ngram' or left out, got {speculation!r}")
    arguments = ["--load-format", "dummy", *extra]
    if dtype == "fp8":
        if not gpu_count():
            raise CalibrationError("fp8 needs a GPU with fp8 units and the CUDA build of vLLM; here there is none")
        arguments += ["--quantization", "fp8"]
    if speculation:
        arguments += ["--speculative-config", json.dumps(NGRAM)]
    return arguments


@contextlib.contextmanager
def dummy_engine(
    model: ModelShape,
    dtype: str = "bf16",
    *,
    speculation: str | None = None,
    max_len: int = 8192,
    progress: Callable[[str], None] | None = print,
) -> Iterator[Engine]:
    """The shared engine with the shape as its model; stopped at the end of the block.

    Raises EngineError where another engine is in use, and CalibrationError for what this machine cannot do.
    """
    from reference.serving.engine import shared_engine, stop_shared

    arguments = engine_arguments(dtype, speculation)
    wanted = {"WORKBOOK_MODEL": str(dummy_model(model, max_len)), "WORKBOOK_ENGINE_ARGS": shlex.join(arguments)}
    before = {name: os.environ.get(name) for name in (*wanted, "WORKBOOK_ENGINE_URL")}
    os.environ.update(wanted)
    os.environ.pop("WORKBOOK_ENGINE_URL", None)
    started = False
    try:
        engine = shared_engine(progress)
        started = True
        yield engine
    finally:
        if started:  # not one that refused to make way
            stop_shared()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

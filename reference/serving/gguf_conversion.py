"""GGUF into the folder layout of Hugging Face: safetensors, configuration, tokenizer and chat template.

Made for one kind of file: a model of the llama family with tied embeddings and SmolLM's tokenizer.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_CONTROL_TOKEN = 3  # gguf's token type of special tokens


class ConversionError(ValueError):
    """The GGUF file holds something that this conversion does not know; the message names it."""


def write_model(gguf: Path, folder: Path) -> None:
    """Every tensor of `gguf` as bfloat16, configuration and tokenizer into `folder`. Raises ConversionError."""
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
    raise ConversionError(f"unknown tensor {name!r} in the GGUF file")


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
        raise ConversionError(f"unknown pre-tokenizer {fields['tokenizer.ggml.pre']!r} in the GGUF file")
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

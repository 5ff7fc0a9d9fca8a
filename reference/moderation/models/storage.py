"""Models as files: `weights.safetensors` and `model.json`, with `manifest.json` that holds the sha256 of both.

No pickles: loading a model runs no code of the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reference.moderation.types import ModerationError

WEIGHTS, DOCUMENT, MANIFEST = "weights.safetensors", "model.json", "manifest.json"
_MEND = "delete the folder and train again (scripts/train_moderation.py)"


def save(folder: Path, tensors: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Write the folder whole or not at all; an existing one is replaced. Returns the version (12 hex digits)."""
    from safetensors.numpy import save as to_bytes

    files = {
        WEIGHTS: to_bytes(dict(tensors)),
        DOCUMENT: json.dumps(document, ensure_ascii=False, sort_keys=True, allow_nan=False).encode(),
    }
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files[MANIFEST] = json.dumps({"sha256": hashes}, indent=1).encode()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".model-", dir=folder.parent))
    try:
        for name, data in files.items():
            (temporary / name).write_bytes(data)
        temporary.chmod(0o755)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=".old-", dir=folder.parent))
            os.replace(folder, old / "model")
            os.replace(temporary, folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(temporary, folder)
    except OSError as error:
        raise ModerationError(f"cannot write the model to {folder}: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return version_of(hashes)


def version_of(hashes: Mapping[str, str]) -> str:
    """A model's name: twelve digits of the SHA-256 of its files' hashes."""
    return hashlib.sha256("".join(hashes[name] for name in (WEIGHTS, DOCUMENT)).encode()).hexdigest()[:12]


def load(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """(tensors, document, version). ModerationError where a file is missing, has another sha256, or is another kind."""
    from safetensors.numpy import load as from_bytes

    try:
        hashes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        expected = {name: str(hashes[name]) for name in (WEIGHTS, DOCUMENT)}
    except OSError as error:
        raise ModerationError(f"{folder / MANIFEST} cannot be read ({error.strerror}); {_MEND}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModerationError(f"{folder / MANIFEST} is damaged ({error}); {_MEND}") from error
    data = {}
    for name, pinned in expected.items():
        try:
            data[name] = (folder / name).read_bytes()
        except OSError as error:
            raise ModerationError(f"{folder / name} cannot be read ({error.strerror}); {_MEND}") from error
        found = hashlib.sha256(data[name]).hexdigest()
        if found != pinned:
            raise ModerationError(f"{folder / name} has sha256 {found}, not {pinned}: refusing to load it; {_MEND}")
    document = json.loads(data[DOCUMENT])
    if document.get("kind") != kind:
        raise ModerationError(f"{folder} holds a model of kind {document.get('kind')!r}, not {kind!r}; {_MEND}")
    return from_bytes(data[WEIGHTS]), document, version_of(expected)

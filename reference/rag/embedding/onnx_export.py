"""MiniLM as an ONNX file, made once on the user's machine: exported from torch, optionally quantised, and checked.

Nothing is used whose vectors differ from those of torch in float32 by more than LEAST_COSINE allows.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from reference.rag.minilm_files import MODEL_ID, SHA256, minilm_folder
from reference.rag.types import RagError
from reference.serving.models import cache_dir

LAYOUT = 1  # raise it when what is exported changes
LEAST_COSINE = {"fp32": 0.999, "int8": 0.98}
_PROBES = (
    "apt",
    "How do I list the packages that are installed?",
    "malloc(3) returns NULL with errno set to ENOMEM; see free(3), realloc(3) and calloc(3) for what may be done then.",
    "Der Wert von 3,5 % gilt für alle Größen über 100 €.",
    "SELECT name, count(*) FROM orders GROUP BY name HAVING count(*) > 10; -- a table | with | bars and 0x7f 1e-9",
    "The garbage collector frees what no variable refers to any more. " * 12,
    "Install the package, edit the configuration file, and restart the service with the new settings. " * 40,
)


def onnx_file(precision: str) -> Path:
    """Path of the ONNX file in the user's cache; exported on the first call (about 15 s).

    `precision`: "fp32", or "int8" (weights in int8 with a scale per channel, activations quantised while it runs).
    Raises RagError if the file's vectors are too far from those of torch.
    """
    if precision not in LEAST_COSINE:
        raise RagError(f"precision={precision!r}: choose from {', '.join(LEAST_COSINE)}")
    from filelock import FileLock

    folder = cache_dir() / "onnx"
    folder.mkdir(exist_ok=True)
    stem = f"{MODEL_ID}-{SHA256['model.safetensors'][:12]}-v{LAYOUT}"
    path = folder / f"{stem}-{precision}.onnx"
    if path.exists():
        return path
    with FileLock(folder / ".export.lock"):
        exact = folder / f"{stem}-fp32.onnx"
        if not exact.exists():
            _make(exact, "fp32", export)
        if not path.exists():
            for narrow in (False, True):  # 7 bits where the processor's 8-bit sums overflow (AVX2 without VNNI)
                try:
                    _make(path, precision, partial(quantise, exact, narrow=narrow))
                    break
                except ParityError:
                    if narrow:
                        raise
    return path


class ParityError(RagError):
    """An exported model does not compute what it was exported from."""


def _make(path: Path, precision: str, write: Callable[[Path], None]) -> None:
    """Write beside the final place, check, rename: what has the final name has passed."""
    handle, name = tempfile.mkstemp(prefix=".export-", suffix=".onnx", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with _quiet():
            write(temporary)
        check_parity(temporary, precision)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporters warn about packages and passes that this model does not need."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def export(target: Path) -> None:
    """MiniLM in float32 as ONNX: `ids`, `mask` int64 [b, t] to `sentences` [b, 384], `states` [b, t, 384]."""
    import torch

    from reference.rag.embedding.bert import build_encoder

    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=512)
    ids = torch.randint(1000, 20000, (2, 7))
    torch.onnx.export(
        build_encoder(minilm_folder()),
        (ids, torch.ones_like(ids)),
        str(target),
        input_names=["ids", "mask"],
        output_names=["sentences", "states"],
        dynamic_shapes={"ids": {0: batch, 1: length}, "mask": {0: batch, 1: length}},
        opset_version=18,
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def quantise(source: Path, target: Path, *, narrow: bool) -> None:
    """int8 weights with one scale per output channel; `narrow` keeps them to 7 bits."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(source),
        str(target),
        per_channel=True,
        weight_type=QuantType.QInt8,
        reduce_range=narrow,
        extra_options={"MatMulConstBOnly": True},  # attention's own products have no constant side
    )


def check_parity(path: Path, precision: str) -> float:
    """Least cosine between the file's and torch's vectors over the probe texts; ParityError if it is too small."""
    import numpy as np

    from reference.rag.embedding.onnx_minilm import OnnxMiniLM
    from reference.rag.embedding.torch_minilm import TorchMiniLM

    exact: Any = TorchMiniLM("float32", device="cpu", max_tokens=512).embed(_PROBES)
    found: Any = OnnxMiniLM(precision, max_tokens=512, path=path).embed(_PROBES)
    least = float(np.min((exact * found).sum(axis=1)))
    if not least >= LEAST_COSINE[precision]:  # also refuses NaN
        raise ParityError(
            f"the {precision} export of {MODEL_ID} differs from torch (least cosine {least:.4f}, "
            f"{LEAST_COSINE[precision]} wanted): refusing to use it; use the torch backend on this machine"
        )
    return least

"""MiniLM on onnxruntime, in float32 or int8."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference.rag.embedding.minilm import WINDOW, MiniLM

if TYPE_CHECKING:
    from reference.rag.embedding.projection import Projection


class OnnxMiniLM(MiniLM):
    """MiniLM from an ONNX file (`path`: default the checked export of `precision`, made on first use).

    Args:
        threads: inside one batch. They sleep between operations instead of spinning, so that they do not take the
            cores from the index and from other requests.
        workers: batches that are computed at the same time.

    In int8 the activations of a batch share their scales, so a text's vector depends a little on the texts beside it.
    """

    def __init__(
        self,
        precision: str = "int8",
        max_tokens: int = WINDOW,
        threads: int = 1,
        workers: int = 1,
        projection: Projection | None = None,
        path: Path | None = None,
    ) -> None:
        super().__init__(max_tokens, projection, workers)
        import onnxruntime

        if path is None:
            from reference.rag.embedding.onnx_export import onnx_file

            path = onnx_file(precision)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.backend = f"onnxruntime {precision} cpu"
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, ids: Any, mask: Any, tokens: bool) -> tuple[Any, Any]:
        found = self._session.run(["sentences", "states"] if tokens else ["sentences"], {"ids": ids, "mask": mask})
        return found[0], found[1] if tokens else None

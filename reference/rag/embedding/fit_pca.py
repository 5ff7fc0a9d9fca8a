"""Fit the PCA that is shipped as pca128.safetensors: `python -m reference.rag.embedding.fit_pca`.

Its texts are the docstrings of Python's standard library (licence: PSF), read from source, so the fit needs nothing
that is not on every machine; another version of Python gives slightly other directions.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reference.rag.embedding.projection import PCA, TENSOR, fit_pca

TEXTS = 3000
SHORTEST = 200  # characters: shorter docstrings have hardly any context


def docstrings() -> Iterator[str]:
    """Docstrings of the standard library's modules, classes and functions, in order of file names."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (OSError, SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text and len(text) >= SHORTEST:
                    yield text


def fit(count: int = TEXTS, dimension: int = 128) -> tuple[Any, int, str]:
    """(matrix float16 [384, dimension], token vectors used, sha256 of the texts)."""
    import numpy as np

    from reference.rag.embedding.minilm import batches, content_tokens
    from reference.rag.embedding.torch_minilm import TorchMiniLM

    texts = sorted(set(docstrings()), key=lambda text: hashlib.sha256(text.encode()).digest())[:count]
    embedder = TorchMiniLM("float32", device="cpu")
    content = content_tokens()
    used = 0
    kept = []
    for _, ids, mask in batches(embedder.tokenise(texts)):
        states = embedder.run(ids, mask, tokens=True)[1][(mask > 0) & content[ids]]
        kept.append(states)
        used += len(states)
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    return fit_pca(np.concatenate(kept), dimension), used, digest


def main() -> None:
    from safetensors.numpy import save

    matrix, used, digest = fit()
    metadata = {
        "data": f"{TEXTS} docstrings of the standard library of Python {sys.version.split()[0]}, sha256 {digest}",
        "method": f"uncentred PCA of {used} unit token vectors of all-MiniLM-L6-v2",
    }
    temporary = PCA.with_suffix(".part")
    temporary.write_bytes(save({TENSOR: matrix}, metadata))
    os.replace(temporary, PCA)
    print(PCA, metadata)


if __name__ == "__main__":
    main()

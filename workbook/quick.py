"""A quicker start for everything that loads Jupyter.

jsonschema builds a grammar for international URLs (package rfc3987-syntax) when it is imported: 1.3 s of every start of
JupyterLab and of the runner, measured on 2 cores. No notebook is checked against that format; without the package,
jsonschema leaves the check out.
"""

from __future__ import annotations

import sys


def skip_slow_format_check() -> None:
    """Make jsonschema believe that rfc3987-syntax is not installed; does nothing once it is loaded."""
    if "rfc3987_syntax" not in sys.modules:
        sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

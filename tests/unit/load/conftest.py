"""`benchmarks` is run from the root of the repository and not installed, so the root must be importable here."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

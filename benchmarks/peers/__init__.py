"""The workbook beside its peers, all measured in one run on one machine: gateway, retrieval, guards, canary, grading.

A peer that is not there leaves a row "not measured" with the reason, and so does a comparison that fails.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.common import Result, write

PARTS = ("gateway", "retrieval", "guards", "canary", "grading")


@dataclass
class Peers(Result):
    """A result with what was not measured and the peers' versions beside it."""

    missing: list[dict[str, str]] = field(default_factory=list)
    peers: dict[str, str] = field(default_factory=dict)

    def to_dict(self, seconds: float) -> dict[str, Any]:
        return super().to_dict(seconds) | {"missing": self.missing, "peers": self.peers}


def run(quick: bool = False, parts: Sequence[str] = PARTS) -> Result:
    """Compare in each of `parts`; `quick` shows that they run, its rounds are too few for anybody to be ahead."""
    result = Peers("peers", "How does the workbook do beside what others use for the same?", {})
    before = _load()
    begun = time.perf_counter()
    for done, name in enumerate(parts):
        print(f"  {name} (load {_load()}) ...", file=sys.stderr, flush=True)
        load = _load()
        try:
            part = importlib.import_module(f"benchmarks.peers.{name}").compare(quick)
        except Exception as error:
            reason = f"failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
            result.missing.append({"part": name, "what": name, "peer": "all", "reason": reason})
            continue
        for row in part.rows:
            target = f"{name}: workbook beside {row['peer']}"
            result.rows.append({"part": name, "target": target, "metric": row["what"], **row})
        result.missing += [{"part": name, **one} for one in part.missing]
        result.peers |= part.versions
        result.conditions[name] = {**part.conditions, "load average before, after": [load, _load()]}
        if not quick:  # a run that is stopped keeps what it has
            write(_so_far(result, parts[done + 1 :], time.perf_counter() - begun))
    result.conditions["load average before, after"] = [before, _load()]
    result.conditions["ahead"] = (
        "ratio: the 95 % interval of its median over the rounds (order statistics) does not hold 1; "
        "shares: their 95 % Wilson intervals do not overlap; difference: its 95 % interval does not hold 0"
    )
    return result


def _so_far(result: Peers, rest: Sequence[str], seconds: float) -> dict[str, Any]:
    record = result.to_dict(seconds)
    late = [{"part": name, "what": name, "peer": "all", "reason": "the run was stopped before it"} for name in rest]
    return record | {"missing": [*record["missing"], *late]}


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None

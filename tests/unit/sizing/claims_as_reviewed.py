"""The whole ledger as it was last reviewed, in claims_as_reviewed.json.

`python tests/unit/sizing/claims_as_reviewed.py` writes it anew; the difference is what a reviewer reads.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

REVIEWED = Path(__file__).with_suffix(".json")
NUMBER = re.compile(r"\d[\d,]*\.?\d*(?:e[-+]?\d+)?")


def ledger_now() -> dict[str, dict[str, Any]]:
    """Claim -> stated, computed, unit, verdict, reason, evidence ...; what a reader is shown of it."""
    from reference.sizing.claims import claims, questions

    return {
        one.id: {
            "stated": one.stated, "computed": one.computed, "unit": one.unit, "verdict": one.verdict,
            "reason": one.reason, "badge": one.evidence.badge, "turns on": str(one.variable),
            "turns at": str(one.threshold), "says": one.statement, "where": f"question {one.question}",
            "how": "implied" if one.implied else "printed",
        }
        for number in questions() for one in claims(number)
    }  # fmt: skip


def words_and_numbers(text: str) -> tuple[str, list[float]]:
    """A sentence without its numbers, and the numbers: on another processor a simulation's last digit may differ."""
    return NUMBER.sub("#", text), [float(found.replace(",", "").rstrip(".")) for found in NUMBER.findall(text)]


if __name__ == "__main__":
    REVIEWED.write_text(json.dumps(ledger_now(), indent=1) + "\n", encoding="utf-8")
    print(f"written: {REVIEWED}")

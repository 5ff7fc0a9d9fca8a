"""What a claim says where an assumption is quite another changes only if somebody reads the change."""

from __future__ import annotations

import pytest
from claims_moved import QUESTIONS, moved_claims
from reviewed import as_reviewed, same

REVIEWED = as_reviewed("claims_moved")
REWRITE = "if it is meant: python tests/unit/sizing/claims_moved.py, and read the difference"


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS)
def test_claims_move_with_their_assumptions_as_reviewed(question):
    found, wanted = moved_claims(question), REVIEWED[f"question {question}"]
    assert list(found) == list(wanted), REWRITE
    for claim, fields in wanted.items():
        for field, values in fields.items():
            # Bisections end within a millionth of the turn, on either side of it.
            assert same(found[claim].get(field), values, rel=1e-4), f"{claim}, {field}: {REWRITE}"

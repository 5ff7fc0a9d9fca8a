"""What a recognised mistake is worth."""

from __future__ import annotations

from exercises.slips import SLIPS


def test_credit_is_a_share_of_the_points_and_never_all_of_them() -> None:
    assert {key: slip.credit for key, slip in SLIPS.items() if not 0 <= slip.credit < 1} == {}

"""Every mistake that is recognised, by its key. A key is one idea, used wherever it fits; no two files define one."""

from exercises.slips import general, q1, q2, q3, q4, q5, q6, q7
from exercises.slips.kind import Slip

SLIPS: dict[str, Slip] = {}
for _part in (general.GENERAL, general.SHARED, q1.SLIPS, q2.SLIPS, q3.SLIPS, q4.SLIPS, q5.SLIPS, q6.SLIPS, q7.SLIPS):
    _twice = SLIPS.keys() & _part.keys()
    assert not _twice, f"slips defined twice: {_twice}"
    SLIPS.update(_part)

__all__ = ["SLIPS", "Slip"]

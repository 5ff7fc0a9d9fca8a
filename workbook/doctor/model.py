"""One finding of the doctor."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail", "not checked"]


@dataclass(frozen=True)
class Check:
    """found: what is there, in one line; mend: what to do, empty if nothing needs doing.

    ok: works. warn: works with a limit that the reader should know. fail: something of the workbook will not run, or is
    open to others. not checked: there was no way to look; `found` says why, `mend` how it can be looked at.
    """

    name: str
    status: Status
    found: str
    mend: str = ""

    def to_dict(self) -> dict[str, str]:
        return asdict(self)

"""Appeals: another person than the first decides, evidence counts, and what was wrong is fed back."""

from .desk import Appeals
from .rates import overturn_rate, rates_by_cause, suspects
from .statement import statement_to_author
from .types import (
    Answer,
    Appeal,
    AppealError,
    AppealSettings,
    AppealUnavailable,
    Evidence,
    Label,
    OverturnRate,
    Result,
)

__all__ = [
    "Answer",
    "Appeal",
    "AppealError",
    "AppealSettings",
    "AppealUnavailable",
    "Appeals",
    "Evidence",
    "Label",
    "OverturnRate",
    "Result",
    "overturn_rate",
    "rates_by_cause",
    "statement_to_author",
    "suspects",
]

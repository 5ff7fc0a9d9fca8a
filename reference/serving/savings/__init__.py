"""Six ways to a smaller bill, measured on one workload through one gateway, each alone and all in sequence."""

from .ladder import VERDICTS, Rung, as_records, from_records, ladder, rows, verdict_on
from .parts import Parts, Prompts, local_parts, parts_for, tuned_threshold
from .pricing import Bill, Pricing, bill
from .replay import STRATEGIES, Outcome, Switches, replay
from .tape import Tape, taped
from .workload import SavingsError, Workload, make_workload, repeated

__all__ = [
    "STRATEGIES",
    "VERDICTS",
    "Bill",
    "Outcome",
    "Parts",
    "Pricing",
    "Prompts",
    "Rung",
    "SavingsError",
    "Switches",
    "Tape",
    "Workload",
    "as_records",
    "bill",
    "from_records",
    "ladder",
    "local_parts",
    "make_workload",
    "parts_for",
    "repeated",
    "replay",
    "rows",
    "taped",
    "tuned_threshold",
    "verdict_on",
]

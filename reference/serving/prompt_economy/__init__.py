"""Fewer tokens for the same task: shorter system prompts, fewer examples, bounded answers; what each costs in quality.

The task is question 3's: one of eight intents for a customer's message, so that an answer is right or wrong without a
judge. What is measured holds for this task and this model, not for answers in general.
"""

from .measure import Measured, Reply, measure
from .prompts import SYSTEMS, VARIANTS, Examples, PromptError, Variant, intent_in, request_body
from .verdict import Loss, Verdict, accepted, as_records, from_records, loss, pareto, table, usd_per_thousand

__all__ = [
    "SYSTEMS",
    "VARIANTS",
    "Examples",
    "Loss",
    "Measured",
    "PromptError",
    "Reply",
    "Variant",
    "Verdict",
    "accepted",
    "as_records",
    "from_records",
    "intent_in",
    "loss",
    "measure",
    "pareto",
    "request_body",
    "table",
    "usd_per_thousand",
]

"""Tier 3: a language model for what the calibrated band leaves open; off unless it beats the models."""

from reference.moderation.evaluation.paired import mcnemar_exact

from .cache import PatternCache
from .llm import JudgeSettings, LLMJudge
from .prompt import Said
from .suspicion import Canary, is_suspicious, spam_canaries
from .worth import GatedJudge, JudgeCase, Worth, WorthIt, worth_it

__all__ = [
    "Canary",
    "GatedJudge",
    "JudgeCase",
    "JudgeSettings",
    "LLMJudge",
    "PatternCache",
    "Said",
    "Worth",
    "WorthIt",
    "is_suspicious",
    "mcnemar_exact",
    "spam_canaries",
    "worth_it",
]

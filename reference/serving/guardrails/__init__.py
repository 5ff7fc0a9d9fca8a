"""Guards around a language model: prompt injection, personal data, credentials, and leaks of the system prompt.

Pure Python, no network, no model. Rules see what they were written for: the measured precision and recall on held-out
examples (``python -m reference.serving.guardrails.evaluate``) come from sets that the authors of the rules wrote, so
expect less from real attackers.
"""

from reference.serving.guardrails.guard import Guardrails, GuardRules, StreamGuard
from reference.serving.guardrails.leak import LeakRules
from reference.serving.guardrails.redaction import RedactionRules
from reference.serving.guardrails.types import Decision, Finding, MessagesDecision

__all__ = [
    "Decision",
    "Finding",
    "GuardRules",
    "Guardrails",
    "LeakRules",
    "MessagesDecision",
    "RedactionRules",
    "StreamGuard",
]

"""What a language model may add to the tools' findings, by measured ability.

Tier 0 has no model: templates explain. Tier 1 (small models) writes one line about the change. Tier 2 may demote what
the tools found. Tier 3 may propose findings of its own. A tier works only with evidence that it beats the tools alone.
"""

from .client import OpenAIModel
from .gate import GatedTier, Score, Trial, Worth, calibrate
from .headline import Headline, headline, objection
from .prices import LOCAL, Prices
from .prompt import Shown, show
from .propose import Proposals
from .triage import Triage

__all__ = [
    "LOCAL",
    "GatedTier",
    "Headline",
    "OpenAIModel",
    "Prices",
    "Proposals",
    "Score",
    "Shown",
    "Trial",
    "Triage",
    "Worth",
    "calibrate",
    "headline",
    "objection",
    "show",
]

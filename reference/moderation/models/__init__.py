"""Tier 2 for text: TF-IDF, MiniLM, their stack, and the cascade; calibrated, saved without pickles."""

from reference.moderation.models.default import default_text_model
from reference.moderation.models.minilm import MiniLMModel
from reference.moderation.models.stack import Cascade, StackedModel
from reference.moderation.models.tfidf import TfidfModel

__all__ = ["Cascade", "MiniLMModel", "StackedModel", "TfidfModel", "default_text_model"]

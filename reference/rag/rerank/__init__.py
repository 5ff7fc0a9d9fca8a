"""Rerankers: late interaction over stored token vectors, and a cross-encoder where the user has one."""

from .cross_encoder import ExternalCrossEncoder
from .late_interaction import LateInteractionReranker, QueryEmbedder, RerankError, projection_card

__all__ = ["ExternalCrossEncoder", "LateInteractionReranker", "QueryEmbedder", "RerankError", "projection_card"]

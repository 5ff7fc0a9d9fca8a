"""A cache that also answers questions which mean the same, behind guards; it knows nothing of what it caches."""

from .cache import CacheError, CacheHit, SemanticCache
from .guards import Fingerprint, fingerprint, refusal

__all__ = ["CacheError", "CacheHit", "Fingerprint", "SemanticCache", "fingerprint", "refusal"]

"""Which version answers which user: sticky shares, experiments that exclude each other, shadow traffic, blue-green."""

from reference.serving.rollout.routing.hashing import bucket
from reference.serving.rollout.routing.router import Route, Router

__all__ = ["Route", "Router", "bucket"]

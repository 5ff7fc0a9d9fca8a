"""The one controller of a rollout: its persisted state, its decisions, and the audit log that shows why."""

from reference.serving.rollout.control.controller import Controller
from reference.serving.rollout.control.redis_state import RedisStateStore
from reference.serving.rollout.control.store import LeaseLostError, MemoryStateStore

__all__ = ["Controller", "LeaseLostError", "MemoryStateStore", "RedisStateStore"]

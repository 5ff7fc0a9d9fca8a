"""What became of earlier comments, and which rules fall silent for it."""

from .muting import Standing, is_unwanted, muted_ever
from .replay import Replay, replay
from .store import Acceptance, OutcomeStore

__all__ = ["Acceptance", "OutcomeStore", "Replay", "Standing", "is_unwanted", "muted_ever", "replay"]

"""What a reader has tried, on this machine only: attempts, interviews, and what to repeat when."""

from exercises.progress.store import keep_attempt

__all__ = ["keep_attempt"]

"""What four queue libraries do when a worker is killed: the figures behind the choice in `reference.serving.jobs`."""

from benchmarks.job_queues.compare import run

__all__ = ["run"]

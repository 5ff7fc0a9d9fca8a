"""Posts through Redis Streams to worker processes: at least once, one decision each."""

from __future__ import annotations

from .messages import Names, decode_posts, encode_posts
from .producer import Producer
from .worker import StreamWorker, WorkerReport

__all__ = ["Names", "Producer", "StreamWorker", "WorkerReport", "decode_posts", "encode_posts"]

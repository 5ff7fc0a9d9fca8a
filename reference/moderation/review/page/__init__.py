"""The local page on which a reviewer works the queue."""

from .app import create_app

__all__ = ["create_app"]

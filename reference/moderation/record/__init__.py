"""What was decided and why: an append-only log, and statements of reasons."""

from __future__ import annotations

from .log import Anchor, SqliteDecisionLog
from .statement import StatementOfReasons, statement_of, write_statements

__all__ = ["Anchor", "SqliteDecisionLog", "StatementOfReasons", "statement_of", "write_statements"]

"""What was decided and why: an append-only log, and statements of reasons."""

from __future__ import annotations

from .log import Anchor, SqliteDecisionLog
from .reasons import policy_named_in, reasons_of
from .statement import StatementOfReasons, statement_of, write_statements

__all__ = [
    "Anchor",
    "SqliteDecisionLog",
    "StatementOfReasons",
    "policy_named_in",
    "reasons_of",
    "statement_of",
    "write_statements",
]

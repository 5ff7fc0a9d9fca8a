"""Files into documents: HTML, PDF, Markdown, plain text, man pages and Perl's POD, each through one light parser."""

from reference.rag.parsing.entry import parse, parse_file
from reference.rag.parsing.limits import DEFAULT_LIMITS, Limits, Unparsable

__all__ = ["DEFAULT_LIMITS", "Limits", "Unparsable", "parse", "parse_file"]

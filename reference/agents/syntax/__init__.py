"""Functions of a file, in any language with a grammar. Reads only; a text that cannot be parsed has no functions."""

from .functions import Function, functions
from .python import parse_python
from .trees import languages, tree

__all__ = ["Function", "functions", "languages", "parse_python", "tree"]

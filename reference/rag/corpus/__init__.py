"""Where documents come from: Debian's documentation packages, a folder of the user's, installed Python packages."""

from reference.rag.corpus.debian import DebianSource
from reference.rag.corpus.folder import FolderSource
from reference.rag.corpus.package_list import Package, ci_packages, default_packages
from reference.rag.corpus.python_docs import PythonDocsSource
from reference.rag.corpus.samples import Sample, ci_sample, full_corpus
from reference.rag.corpus.selection import Unique

__all__ = [
    "DebianSource",
    "FolderSource",
    "Package",
    "PythonDocsSource",
    "Sample",
    "Unique",
    "ci_packages",
    "ci_sample",
    "default_packages",
    "full_corpus",
]

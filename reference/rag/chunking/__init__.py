"""Documents into chunks that are counted in the embedder's own tokens."""

from reference.rag.chunking.chunkers import Chunker
from reference.rag.chunking.fixed import FixedChunker
from reference.rag.chunking.sections import SectionChunker

__all__ = ["Chunker", "FixedChunker", "SectionChunker"]

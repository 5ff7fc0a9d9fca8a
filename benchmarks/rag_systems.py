"""Retrieval as LangChain, LlamaIndex and Haystack do it by default: their splitter, in-memory store and search.

All get the same documents and the same embedder as the workbook's pipeline. Their hosted default embedders are not
reachable offline and read longer passages, so the fair name of this comparison is "naive splitting, same embedder".
Defaults were read from the installed versions: LangChain 4,000 characters with 200 overlap; LlamaIndex 1,024 tokens
with 200 overlap; Haystack 200 words without overlap.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

Embed = Callable[[Sequence[str]], Any]  # texts -> float32 [n, dimension], rows of length one
Passage = tuple[str, str]  # document id, text


class System(Protocol):
    """One retrieval system over (document id, text)."""

    name: str
    default_k: int

    def build(self, documents: Sequence[tuple[str, str]], embed: Embed, embed_query: Embed) -> int:
        """Split, embed and store; returns the number of passages."""
        ...

    def search(self, query: str, k: int) -> list[Passage]: ...


class LangChain:
    """RecursiveCharacterTextSplitter and InMemoryVectorStore of langchain-core."""

    name, default_k = "LangChain", 4

    def build(self, documents: Sequence[tuple[str, str]], embed: Embed, embed_query: Embed) -> int:
        from langchain_core.documents import Document
        from langchain_core.embeddings import Embeddings
        from langchain_core.vectorstores import InMemoryVectorStore
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        class Same(Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return embed(texts).tolist()

            def embed_query(self, text: str) -> list[float]:
                return embed_query([text])[0].tolist()

        pages = [Document(page_content=text, metadata={"id": name}) for name, text in documents]
        passages = RecursiveCharacterTextSplitter().split_documents(pages)
        self._store = InMemoryVectorStore(Same())
        self._store.add_documents(passages)
        return len(passages)

    def search(self, query: str, k: int) -> list[Passage]:
        return [(d.metadata["id"], d.page_content) for d in self._store.similarity_search(query, k=k)]


def _own_copies(package: str, folder: str) -> None:
    """Replace hard-linked data files of a package by copies: uv links them from its cache, nltk refuses links."""
    spec = importlib.util.find_spec(package)
    for root in spec.submodule_search_locations if spec and spec.submodule_search_locations else ():
        for file in (Path(root) / folder).rglob("*"):
            if file.is_file() and file.stat().st_nlink > 1:
                copy = file.with_name(file.name + ".copy")
                shutil.copy2(file, copy)
                os.replace(copy, file)


class LlamaIndex:
    """SentenceSplitter and VectorStoreIndex of llama-index-core."""

    name, default_k = "LlamaIndex", 2

    def build(self, documents: Sequence[tuple[str, str]], embed: Embed, embed_query: Embed) -> int:
        _own_copies("llama_index", "core/_static")
        from llama_index.core import Document, VectorStoreIndex
        from llama_index.core.base.embeddings.base import BaseEmbedding
        from llama_index.core.node_parser import SentenceSplitter

        class Same(BaseEmbedding):
            def _get_text_embedding(self, text: str) -> list[float]:
                return embed([text])[0].tolist()

            def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
                return embed(texts).tolist()

            def _get_query_embedding(self, query: str) -> list[float]:
                return embed_query([query])[0].tolist()

            async def _aget_query_embedding(self, query: str) -> list[float]:
                return self._get_query_embedding(query)

        pages = [Document(text=text, metadata={}, doc_id=name) for name, text in documents]
        nodes = SentenceSplitter().get_nodes_from_documents(pages)
        self._index = VectorStoreIndex(nodes, embed_model=Same(embed_batch_size=2048))
        self._retrievers: dict[int, Any] = {}
        return len(nodes)

    def search(self, query: str, k: int) -> list[Passage]:
        if k not in self._retrievers:
            self._retrievers[k] = self._index.as_retriever(similarity_top_k=k)
        return [(str(n.node.ref_doc_id), n.node.get_content()) for n in self._retrievers[k].retrieve(query)]


class Haystack:
    """DocumentSplitter, InMemoryDocumentStore and its embedding retriever."""

    name, default_k = "Haystack", 10

    def build(self, documents: Sequence[tuple[str, str]], embed: Embed, embed_query: Embed) -> int:
        from haystack import Document
        from haystack.components.preprocessors import DocumentSplitter
        from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        splitter = DocumentSplitter()
        pages = [Document(content=text, meta={"name": name}) for name, text in documents]
        parts = [p for p in splitter.run(documents=pages)["documents"] if p.content.strip()]
        vectors = embed([p.content for p in parts])
        stored = [dataclasses.replace(p, embedding=v.tolist()) for p, v in zip(parts, vectors, strict=True)]
        store = InMemoryDocumentStore(embedding_similarity_function="cosine")
        store.write_documents(stored)
        self._retriever = InMemoryEmbeddingRetriever(document_store=store)
        self._embed_query = embed_query
        return len(stored)

    def search(self, query: str, k: int) -> list[Passage]:
        vector = self._embed_query([query])[0].tolist()
        found = self._retriever.run(query_embedding=vector, top_k=k)["documents"]
        return [(d.meta["name"], d.content) for d in found]


PEERS: tuple[type[System], ...] = (LangChain, LlamaIndex, Haystack)

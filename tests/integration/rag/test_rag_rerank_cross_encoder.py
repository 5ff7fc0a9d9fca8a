"""A cross-encoder from a folder or a server. The models are tiny, random and made here: the handling is tested."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "rag"))
from rag_query_fakes import chunk

from reference.rag.rerank import ExternalCrossEncoder, RerankError
from reference.rag.types import Hit

CHUNKS = [chunk(f"passage about {word} " * repeats, f"d{n}") for n, (word, repeats) in enumerate(
    [("fish", 1), ("stone walls", 40), ("rivers", 300), ("trees", 3)])]  # fmt: skip
HITS = [Hit(one, 1.0) for one in CHUNKS]


def write_model(folder, labels=1):
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "passage", "about", "fish", "stone", "walls", "rivers"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=16, max_position_embeddings=64, num_labels=labels)  # fmt: skip
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("cross-encoder"))


def expected(folder, query, texts):
    """The same scores pair by pair, without batches."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        return [
            model(**tokenizer(query, text, truncation=True, max_length=64, return_tensors="pt")).logits[0, 0].item()
            for text in texts
        ]


@pytest.mark.slow  # transformers is imported
def test_batches_of_any_length_give_each_pair_its_own_score(folder):
    reranker = ExternalCrossEncoder(str(folder), max_tokens=64)
    rows = reranker.rerank(["fish", "stone walls"], [HITS, HITS[:2]], 4)
    for query, row, hits in zip(["fish", "stone walls"], rows, [HITS, HITS[:2]], strict=True):
        alone = dict(
            zip(
                [hit.chunk.id for hit in hits],
                expected(folder, query, [h.chunk.embedded_text for h in hits]),
                strict=True,
            )
        )
        assert {hit.chunk.id: hit.score for hit in row} == pytest.approx(alone, abs=1e-5)
        assert all(a.score >= b.score for a, b in pairwise(row))


@pytest.mark.slow  # transformers is imported
def test_only_k_are_returned_and_nothing_is_fine_too(folder):
    reranker = ExternalCrossEncoder(str(folder), max_tokens=64)
    assert len(reranker.rerank(["fish"], [HITS], 2)[0]) == 2
    assert reranker.rerank(["fish"], [[]], 2) == [[]]


@pytest.mark.slow  # transformers is imported
def test_what_is_no_cross_encoder_is_refused_by_name(tmp_path, folder):
    with pytest.raises(RerankError, match=r"WORKBOOK_RERANKER.*no config\.json"):
        ExternalCrossEncoder(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(RerankError, match="pickled weights"):
        ExternalCrossEncoder(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:100])
    with pytest.raises(RerankError, match="cannot be loaded"):
        ExternalCrossEncoder(str(tmp_path))


@pytest.mark.slow  # transformers is imported
def test_a_classifier_of_five_labels_is_no_reranker(tmp_path):
    with pytest.raises(RerankError, match="5 labels"):
        ExternalCrossEncoder(str(write_model(tmp_path, labels=5)))


@pytest.mark.slow  # transformers is imported
def test_the_environment_names_it(monkeypatch, folder):
    monkeypatch.delenv("WORKBOOK_RERANKER", raising=False)
    assert ExternalCrossEncoder.from_environment() is None
    monkeypatch.setenv("WORKBOOK_RERANKER", str(folder))
    assert ExternalCrossEncoder.from_environment().name == f"cross-encoder:{folder.name}"


class Server(BaseHTTPRequestHandler):
    reply = None
    asked: ClassVar[list] = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append(body)
        data = json.dumps(type(self).reply(body)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    running = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    Server.asked = []
    yield f"http://127.0.0.1:{running.server_address[1]}/v1/rerank"
    running.shutdown()
    running.server_close()


def by_length(body):
    rows = [{"index": n, "relevance_score": -len(text)} for n, text in enumerate(body["documents"])]
    return {"results": sorted(rows, key=lambda row: -row["relevance_score"])}


def test_a_server_ranks_the_candidates_of_each_query(server):
    Server.reply = staticmethod(by_length)
    reranker = ExternalCrossEncoder(server, model="ranker")
    rows = reranker.rerank(["fish", "rivers"], [HITS, HITS[1:]], 3)
    assert [hit.chunk.document_id for hit in rows[0]] == ["d0", "d3", "d1"]
    assert [hit.chunk.document_id for hit in rows[1]] == ["d3", "d1", "d2"]
    assert sorted(body["query"] for body in Server.asked) == ["fish", "rivers"]
    assert {body["model"] for body in Server.asked} == {"ranker"}


@pytest.mark.parametrize("reply", [{}, {"results": []}, {"results": [{"index": "x"}]}, [], {"results": None}])
def test_a_server_that_answers_something_else_is_an_error(server, reply):
    Server.reply = staticmethod(lambda body: reply)
    with pytest.raises(RerankError, match="is no rerank endpoint"):
        ExternalCrossEncoder(server).rerank(["fish"], [HITS], 3)


def test_a_server_that_is_gone_is_an_error():
    with pytest.raises(RerankError, match="does not answer"):
        ExternalCrossEncoder("http://127.0.0.1:9/rerank").rerank(["fish"], [HITS], 3)

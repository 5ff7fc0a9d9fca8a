"""Retrieval beside the defaults of LangChain, LlamaIndex and Haystack: `rag_peers`, with more rounds."""

from __future__ import annotations

from statistics import mean

from benchmarks.peers.comparing import ROUNDS, Part, difference, paired_ratio
from benchmarks.rag_peers import PEERS, measure
from reference.serving.load import provenance

MINE = "workbook, hybrid + rerank"


def compare(quick: bool = False) -> Part:
    part = Part()
    try:
        found = measure(quick, 3 if quick else ROUNDS)
    except ModuleNotFoundError as missing:
        reason = f"no module {missing.name}: `make bench` installs the extra `bench`"
        part.leave_out("nDCG@10; queries per second", ", ".join(PEERS), reason)
        return part
    from reference.rag.evaluation.metrics import paired_difference

    for peer in PEERS:
        ours, theirs = found.values[MINE]["nDCG@10"], found.values[peer]["nDCG@10"]
        gain = paired_difference(ours, theirs, groups=found.groups)
        part.rows.append(
            difference(
                "nDCG@10, held-out questions",
                "",
                peer,
                mean(ours.values()),
                mean(theirs.values()),
                (gain.mean, gain.low, gain.high),
                len(ours),
            )
        )
        part.rows.append(
            paired_ratio(
                "queries, one at a time", "1/s", peer, found.rates[MINE], found.rates[peer], more_is_better=True
            )
        )
    part.conditions = {**found.result.conditions, "workbook": MINE, "peers": "their default splitter, store and search"}
    part.versions = provenance.versions(
        ("langchain-core", "langchain-text-splitters", "llama-index-core", "haystack-ai")
    )
    part.versions.pop("python")
    return part

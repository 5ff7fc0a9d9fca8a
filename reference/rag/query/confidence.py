"""How clearly the first hit leads, 0 to 1: what skips a rerank and what sends an answer to a larger model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reference.rag.types import Hit

CLEAR_LEAD = 0.15  # cosine by which a first hit leads clearly (MiniLM; most leads are below 0.1)


def confidence(
    first: Hit | None, lists: Mapping[str, Sequence[Hit]], clear_lead: float = CLEAR_LEAD, lead_list: str = "dense"
) -> float:
    """Agreement of the searchers times the first hit's lead.

    agreement = mean over `lists` of 1 / rank of the first hit (0 where it is missing);
    lead = (its score in `lead_list` - best other score there) / `clear_lead`, held to 0..1;
    confidence = agreement * (1 + lead) / 2.

    It is a rule of thumb, not a probability: 1 where all searchers put the same chunk first and its cosine leads by
    `clear_lead` or more, at most 1/2 without a lead.
    """
    if first is None or not lists:
        return 0.0
    agreement = 0.0
    for hits in lists.values():
        ids = [hit.chunk.id for hit in hits]
        if first.chunk.id in ids:
            agreement += 1 / (ids.index(first.chunk.id) + 1)
    agreement /= len(lists)
    return agreement * (1 + _lead(first, lists.get(lead_list, ()), clear_lead)) / 2


def _lead(first: Hit, hits: Sequence[Hit], clear_lead: float) -> float:
    own = next((hit.score for hit in hits if hit.chunk.id == first.chunk.id), None)
    if own is None:
        return 0.0
    others = [hit.score for hit in hits if hit.chunk.id != first.chunk.id]
    if not others:
        return 1.0
    return min(1.0, max(0.0, (own - max(others)) / clear_lead))

"""The questions are those with known answers; whatever the retriever leaves out counts as nothing found, or the one
that gives up most often would look best. Recall divides by what there is to find, so with more answers than places it
cannot reach 1; nDCG divides by the best that k places can hold, so it can."""

from math import log2


def measure(rankings, relevant, k):
    recall = ndcg = 0.0
    for question, answers in relevant.items():
        places = [i for i, name in enumerate(rankings.get(question, [])[:k], start=1) if name in answers]
        best = sum(1 / log2(1 + i) for i in range(1, min(k, len(answers)) + 1))
        recall += len(places) / len(answers)
        ndcg += sum(1 / log2(1 + i) for i in places) / best
    return {"recall": recall / len(relevant), "ndcg": ndcg / len(relevant)}

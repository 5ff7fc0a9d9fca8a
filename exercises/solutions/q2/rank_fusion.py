"""One pass over the lists: the score is a sum, the best rank a minimum, and a set per list keeps a repeated chunk from
counting twice. Sorting by (-score, best rank, id) makes the order the same on every run. `math.fsum` makes a score
independent of the order of the lists."""

from math import fsum


def fuse(rankings, k):
    parts, best = {}, {}
    for ids in rankings:
        seen = set()
        for rank, name in enumerate(ids, start=1):
            if name in seen:
                continue
            seen.add(name)
            parts.setdefault(name, []).append(1 / (k + rank))
            best[name] = min(rank, best.get(name, rank))
    scores = {name: fsum(terms) for name, terms in parts.items()}
    return [[name, scores[name]] for name in sorted(scores, key=lambda name: (-scores[name], best[name], name))]

"""Two limits. The whole room decides whether anything happens at all, so a conversation that fits is sent as it is, and
the engine finds its beginning in the prefix cache. Once something must go, the smaller share decides how much: then the
next turns fit without folding, the summary is written once in several turns, and the cache stays warm in between. From
the latest turn backwards, the first that does not fit ends it: an older one that would still fit stays out, for a
conversation with a hole misleads the model."""


def fit(turns, system, message, total, answer, window, fold_to, summary):
    room = total - answer
    fixed = system + message
    if fixed > room:
        raise ValueError(f"system prompt and message take {fixed} tokens, there is room for {room}")
    if fixed + sum(turns) <= room and len(turns) <= window:
        return {"folded": 0, "tokens": fixed + sum(turns)}
    left = int(room * fold_to) - fixed - summary
    kept = 0
    for size in reversed(turns[-(window - 1) :]):
        if size > left:
            break
        left -= size
        kept += 1
    stay = turns[len(turns) - kept :]
    return {"folded": len(turns) - kept, "tokens": fixed + summary + sum(stay)}

"""KV blocks of one replica: how many are used and needed, what is freed, what the prefix cache still holds. Compiled.

Own blocks of a sequence are apart from the common prefix, which all that have it share. Blocks are whole; a sequence of
n tokens holds ceil(n / block) of them.
"""

from __future__ import annotations

from typing import Any

from .core_state import NONE, Engine, State, compiled


@compiled
def blocks_used(rep: Any) -> int:
    """Blocks in use: of single sequences, and of the common prefix while somebody uses it."""
    return rep.used + (rep.shared if rep.sharing > 0 else 0)


@compiled
def blocks_for(engine: Engine, state: State, r: int, steps: int) -> int:
    """Blocks that the decoding sequences need for their next `steps` tokens. One needs a block every `block` steps."""
    rep = state.replica[r]
    need = steps // engine.block * rep.decoding
    for i in range(steps % engine.block):
        need += state.residue[r, (-(rep.steps + i)) % engine.block]
    return need


@compiled
def steps_until_full(engine: Engine, state: State, r: int, limit: int) -> int:
    """How many steps, at most `limit`, the decoding sequences can take within the pool."""
    rep = state.replica[r]
    left = engine.pool - blocks_used(rep)
    rounds = left // rep.decoding
    if rounds * engine.block >= limit:
        return limit
    steps = rounds * engine.block
    left -= rounds * rep.decoding
    while steps < limit:
        left -= state.residue[r, (-(rep.steps + steps)) % engine.block]
        if left < 0:
            break
        steps += 1
    return steps


@compiled
def drop_kv(engine: Engine, state: State, r: int, tokens: int, shared: int) -> None:
    """Free what a sequence of `tokens` holds, `shared` blocks of which are not its own."""
    rep = state.replica[r]
    rep.used -= (tokens + engine.block - 1) // engine.block - shared
    if shared > 0:
        rep.sharing -= 1


@compiled
def make_room(engine: Engine, rep: Any) -> None:
    """The common prefix goes when nobody uses it and its blocks are needed."""
    if rep.sharing == 0 and rep.used + rep.shared > engine.pool:
        rep.shared = 0


@compiled
def cached_tokens(engine: Engine, state: State, r: int, t: int) -> tuple[int, int]:
    """(tokens of the prompt found in the cache, blocks of them in the common prefix). Whole blocks only.

    The common prefix is there once a request that has it was read here. A session's history is there if its last turn
    ran here and fewer blocks were allocated since than are free now: free blocks are taken oldest first.
    """
    if not engine.caching:
        return 0, 0
    rep, block = state.replica[r], engine.block
    job = state.request[state.tries[t].request]
    common = min(job.shared // block, rep.shared)
    found = common * block
    if job.session != NONE and job.history > 0 and common == job.shared // block:
        last = state.session[job.session]
        here = last.replica == r and last.epoch == rep.epoch
        if here and rep.allocated - last.allocated < engine.pool - blocks_used(rep):
            kept = min(job.shared + job.history, last.tokens, job.n_in - 1)
            found = max(found, kept // block * block)
    return found, common

"""What happens around the steps of a replica: arrivals, ends of steps, tokens that get out, tries that are given up."""

from __future__ import annotations

import math

from .core import change_load, cut_leap, free_try, leave_batch, start_step
from .core_kv import blocks_for, blocks_used, drop_kv, make_room
from .core_state import GIVEN_UP, NONE, WAITING, Engine, State, compiled


@compiled
def arrive(engine: Engine, state: State, r: int, t: int, now: float) -> None:
    """Try `t` joins the line of replica `r`. An idle replica starts at once, a busy one sees it at its next step."""
    rep = state.replica[r]
    change_load(state, r, now, 1)
    rep.waiting += 1
    if rep.tail == NONE:
        rep.head = t
    else:
        state.tries[rep.tail].next = t
    rep.tail = t
    if rep.leap == 0:
        rep.begun, rep.ends = now, now  # a leap of no steps is over at once
    elif rep.waiting == 1 and rep.decoding < engine.seqs:  # else whoever is at the head of the line still has to wait
        cut_leap(state, r, now)


@compiled
def current(state: State, t: int) -> bool:
    """Whether the client still waits for this try."""
    record = state.tries[t]
    job = state.request[record.request]
    return job.attempts == record.number and job.outcome == NONE


@compiled
def first_token(engine: Engine, state: State, t: int, now: float) -> None:
    """The first token of try `t` gets out at second `now`."""
    record = state.tries[t]
    record.first = now
    if current(state, t):
        job = state.request[record.request]
        job.ttft = now - job.arrived + engine.overhead_s


@compiled
def last_token(engine: Engine, state: State, r: int, t: int, now: float) -> int:
    """The answer is whole: times go to the results, the session remembers where its KV is. 1 if a client got it."""
    rep = state.replica[r]
    record = state.tries[t]
    job = state.request[record.request]
    rep.tokens_out += job.n_out
    if job.session != NONE:
        last = state.session[job.session]
        last.allocated, last.replica, last.epoch = rep.allocated, r, rep.epoch
        last.tokens = job.n_in + job.n_out - 1
    wanted = current(state, t)
    if wanted:
        job.outcome = 0
        job.e2e = now - job.arrived + engine.overhead_s
        if job.n_out > 1:
            job.tpot = (now - record.first) / (job.n_out - 1)
    change_load(state, r, now, -1)
    free_try(state, t)
    return 1 if wanted else 0


@compiled
def keep_common_prefix(engine: Engine, state: State, r: int, request: int, hit: int) -> int:
    """After a prompt was read: its common prefix is cached from now on. Returns the blocks that the sequence shares."""
    rep = state.replica[r]
    blocks = state.request[request].shared // engine.block
    # Whoever read it beside another that was first keeps its own copy, as two prompts in one step do.
    if not engine.caching or hit != rep.shared or blocks <= hit:
        return hit
    rep.used -= blocks - hit
    rep.shared = blocks
    if hit == 0:
        rep.sharing += 1
    return blocks


@compiled
def end_prompts(engine: Engine, state: State, r: int, now: float) -> int:
    """Sequences whose prompt was read in the step that ends now: first tokens. Returns the whole answers."""
    rep = state.replica[r]
    whole = 0
    for i in range(rep.finishing):
        t, shared, admitted = state.read[r, i].attempt, state.read[r, i].shared, state.read[r, i].admitted
        record = state.tries[t]
        job = state.request[record.request]
        tokens = job.n_in + record.made
        if record.state == GIVEN_UP:
            drop_kv(engine, state, r, tokens, shared)
            change_load(state, r, now, -1)
            free_try(state, t)
            continue
        shared = keep_common_prefix(engine, state, r, record.request, shared)
        if record.made == 0:
            first_token(engine, state, t, now)
        left = job.n_out - record.made - 1
        if left == 0:
            drop_kv(engine, state, r, tokens, shared)
            whole += last_token(engine, state, r, t, now)
            continue
        n, place = rep.decoding, state.batch[r, rep.decoding]
        place.end, place.attempt, place.admitted, place.shared = rep.steps + left, t, admitted, shared
        state.residue[r, (tokens - rep.steps) % engine.block] += 1
        rep.context += tokens
        rep.first_end = rep.steps + left if n == 0 else min(rep.first_end, rep.steps + left)
        rep.decoding = n + 1
    rep.finishing = 0
    return whole


@compiled
def end_step(engine: Engine, state: State, r: int, now: float) -> int:
    """The step or leap of replica `r` ends now; the next one starts. Returns how many clients got a whole answer."""
    rep = state.replica[r]
    blocks = blocks_for(engine, state, r, rep.leap)
    rep.used += blocks
    rep.allocated += blocks
    make_room(engine, rep)
    rep.most_used = max(rep.most_used, blocks_used(rep))
    rep.steps += rep.leap
    rep.context += rep.decoding * rep.leap
    rep.busy += now - rep.begun
    whole = 0
    if rep.decoding > 0 and rep.first_end <= rep.steps:
        i, first = 0, rep.steps + (1 << 40)
        while i < rep.decoding:
            if state.batch[r, i].end == rep.steps:
                t = state.batch[r, i].attempt
                leave_batch(engine, state, r, i)
                whole += last_token(engine, state, r, t, now)
            else:
                first = min(first, state.batch[r, i].end)
                i += 1
        rep.first_end = first
    whole += end_prompts(engine, state, r, now)
    start_step(engine, state, r, now)
    return whole


@compiled
def give_up(engine: Engine, state: State, t: int, now: float) -> int:
    """The client leaves before its first token and the engine is told. Returns the replica, whose leap may be cut."""
    record = state.tries[t]
    r = record.replica
    rep = state.replica[r]
    if record.state == WAITING:
        change_load(state, r, now, -1)
        rep.waiting -= 1
        if rep.decoding < engine.seqs and rep.waiting > 0:
            cut_leap(state, r, now)
    record.state = GIVEN_UP
    return r


@compiled
def reset_replica(state: State, r: int, now: float) -> None:
    """Nothing runs, waits or is cached any more; the caller has taken the tries away."""
    rep = state.replica[r]
    change_load(state, r, now, -state.load[r])
    if rep.leap > 0:
        rep.busy += max(now - rep.begun, 0.0)
    rep.ends, rep.leap, rep.waiting = math.inf, 0, 0
    rep.decoding, rep.finishing, rep.part, rep.head, rep.tail = 0, 0, NONE, NONE, NONE
    rep.context, rep.used, rep.shared, rep.sharing = 0, 0, 0, 0
    state.residue[r, :] = 0
    rep.epoch += 1

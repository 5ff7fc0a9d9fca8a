"""One replica of a continuous-batching engine: what a step does, compiled.

The scheduler is vLLM's V1: a step takes one token for every decoding sequence, then prompt chunks of what was admitted,
then admits first come first served while the batch, the token budget and the KV pool allow. So at most one prompt is
read in part at a step's end. The KV of a whole prompt must fit before it is admitted.

While there is no prompt to read and nobody can be admitted, the batch is constant: every step adds one token to each of
its n sequences, so step j reads context + n j tokens and j steps take

    j base + kv_s n j (j - 1) / 2,   base = curve(n) + sequence_s n + kv_s (context + n)

Such a run of steps is one event (a leap). It ends at the next completion, where the KV pool is full, or, cut by an
arrival, with the step then in flight. With noise_cv a leap of k steps draws one factor of spread noise_cv / sqrt(k).

In a decoding step a sequence reads its prompt, what it made and the token in work: n_in + tokens made so far.
"""

from __future__ import annotations

import math
from typing import Any

from .core_kv import blocks_for, blocks_used, cached_tokens, drop_kv, make_room, steps_until_full
from .core_state import GIVEN_UP, NONE, RUNNING, WAITING, Engine, State, compiled


@compiled
def curve(engine: Engine, tokens: int) -> float:
    """As StepTime.curve."""
    knots, seconds = engine.knots, engine.seconds
    last = knots.size - 1
    if last == 0 or tokens <= knots[0]:
        return seconds[0]
    i = 1
    while i < last and tokens > knots[i]:
        i += 1
    return seconds[i - 1] + (seconds[i] - seconds[i - 1]) / (knots[i] - knots[i - 1]) * (tokens - knots[i - 1])


@compiled
def noise_factor(engine: Engine, state: State, steps: int) -> float:
    """Lognormal of mean 1; of a leap, the mean of its steps' factors has this spread."""
    if engine.noise_cv == 0.0:
        return 1.0
    variance = math.log1p(engine.noise_cv * engine.noise_cv / steps)
    return math.exp(math.sqrt(variance) * state.noise.standard_normal() - variance / 2)


@compiled
def leap_s(rep: Any, steps: int) -> float:
    """Seconds of the first `steps` steps of the leap in flight."""
    return rep.factor * (steps * rep.step_s + rep.growth * (steps * (steps - 1) / 2))


@compiled
def change_load(state: State, r: int, now: float, more: int) -> None:
    """`more` requests in flight from `now` on; keeps their integral over time."""
    rep = state.replica[r]
    rep.area += state.load[r] * (now - rep.changed)
    rep.changed = now
    state.load[r] += more


@compiled
def new_try(state: State, request: int, number: int, r: int, now: float) -> int:
    """A record from the free list. The caller sees to it that there is one."""
    t = state.free[0]
    if t != NONE:
        state.free[0] = state.tries[t].next
    else:
        t = state.free[1]
        state.free[1] += 1
    record = state.tries[t]
    record.request, record.number, record.replica = request, number, r
    record.sent, record.first = now, math.nan
    record.made, record.next, record.state = 0, NONE, WAITING
    return t


@compiled
def free_try(state: State, t: int) -> None:
    """The record goes back to the free list."""
    state.tries[t].next = state.free[0]
    state.tries[t].request = NONE
    state.free[0] = t


@compiled
def leave_batch(engine: Engine, state: State, r: int, i: int) -> int:
    """Take decoding sequence `i` out of the batch and free its KV; its context, in tokens, is returned."""
    rep = state.replica[r]
    place, last = state.batch[r, i], state.batch[r, rep.decoding - 1]
    job = state.request[state.tries[place.attempt].request]
    tokens = job.n_in + job.n_out - 1 - (place.end - rep.steps)
    state.residue[r, (tokens - rep.steps) % engine.block] -= 1
    rep.context -= tokens
    drop_kv(engine, state, r, tokens, place.shared)
    place.end, place.attempt, place.admitted, place.shared = last.end, last.attempt, last.admitted, last.shared
    rep.decoding -= 1
    return tokens


@compiled
def preempt_latest(engine: Engine, state: State, r: int) -> None:
    """The latest admitted goes back to the head of the line; its prompt and what it made are computed anew."""
    rep = state.replica[r]
    if rep.part != NONE:
        t = rep.part
        drop_kv(engine, state, r, rep.part_total, rep.part_shared)
        rep.part = NONE
    else:
        latest = 0
        for i in range(1, rep.decoding):
            if state.batch[r, i].admitted > state.batch[r, latest].admitted:
                latest = i
        t = state.batch[r, latest].attempt
        tokens = leave_batch(engine, state, r, latest)
        state.tries[t].made = tokens - state.request[state.tries[t].request].n_in + 1
    rep.preempted += 1
    rep.waiting += 1
    state.tries[t].state = WAITING
    state.tries[t].next = rep.head
    rep.head = t
    if rep.tail == NONE:
        rep.tail = t


@compiled
def admit(engine: Engine, state: State, r: int, fresh: int, rest: int) -> tuple[int, float, int]:
    """Admit the head of the line if its prompt's KV fits: (tokens of its chunk, pairs, prompts that end with it).

    fresh: blocks that the decoding sequences take in this step. (0, 0, 0): it does not fit.
    """
    rep, block = state.replica[r], engine.block
    t = rep.head
    record = state.tries[t]
    total = state.request[record.request].n_in + record.made
    found, common = cached_tokens(engine, state, r, t)
    own = (total + block - 1) // block - common
    wanted = own + fresh + rep.used + (rep.shared if rep.sharing > 0 or common > 0 else 0)
    if wanted > engine.pool:
        return 0, 0.0, 0
    rep.head = record.next
    if rep.head == NONE:
        rep.tail = NONE
    rep.waiting -= 1
    record.state = RUNNING
    rep.used += own
    if common > 0:
        rep.sharing += 1
    rep.allocated += (total + block - 1) // block - found // block
    make_room(engine, rep)
    rep.admitted += 1
    if record.made == 0:
        state.request[record.request].hits = found
    chunk = min(rest, total - found)
    if found + chunk == total:
        place = state.read[r, rep.finishing]
        place.attempt, place.admitted, place.shared = t, rep.admitted, common
        rep.finishing += 1
    else:
        rep.part, rep.part_done, rep.part_total = t, found + chunk, total
        rep.part_shared, rep.part_admitted = common, rep.admitted
    return chunk, chunk * float(found) + chunk * chunk / 2, 1


@compiled
def drop_given_up(engine: Engine, state: State, r: int, now: float) -> None:
    """At a step boundary: what was given up leaves. Those in the line were taken off `waiting` and `load` before."""
    rep = state.replica[r]
    while rep.head != NONE and state.tries[rep.head].state == GIVEN_UP:
        t = rep.head
        rep.head = state.tries[t].next
        if rep.head == NONE:
            rep.tail = NONE
        free_try(state, t)
    if rep.part != NONE and state.tries[rep.part].state == GIVEN_UP:
        drop_kv(engine, state, r, rep.part_total, rep.part_shared)
        free_try(state, rep.part)
        rep.part = NONE
        change_load(state, r, now, -1)


@compiled
def start_step(engine: Engine, state: State, r: int, now: float) -> None:
    """Plan the next step, or the next leap, of replica `r` at a step boundary."""
    rep = state.replica[r]
    drop_given_up(engine, state, r, now)
    held_back = False
    fresh = blocks_for(engine, state, r, 1)
    while blocks_used(rep) + fresh > engine.pool:
        preempt_latest(engine, state, r)
        held_back = True
        fresh = blocks_for(engine, state, r, 1)
    n = rep.decoding
    rest = engine.budget - n
    read, pairs = 0, 0.0
    if rep.part != NONE:
        read = min(rest, rep.part_total - rep.part_done)
        pairs = read * float(rep.part_done) + read * read / 2
        rep.part_done += read
        rest -= read
        if rep.part_done == rep.part_total:
            place = state.read[r, 0]
            place.attempt, place.admitted, place.shared = rep.part, rep.part_admitted, rep.part_shared
            rep.finishing, rep.part = 1, NONE
    # As in vLLM, nobody is admitted in a step that pre-empted.
    # With steps planned ahead, this one was planned when the last one began: who came later is not in the plan.
    planned = rep.begun + (leap_s(rep, rep.leap - 1) if rep.leap > 1 else 0.0)
    ahead, late = engine.ahead and rep.leap > 0 and n + read > 0, False
    while not held_back and rest > 0 and rep.waiting > 0 and rep.part == NONE and n + rep.finishing < engine.seqs:
        if ahead and state.tries[rep.head].sent >= planned:
            late = True
            break
        chunk, more, admitted = admit(engine, state, r, fresh, rest)
        if admitted == 0:
            break
        read, pairs, rest = read + chunk, pairs + more, rest - chunk
        drop_given_up(engine, state, r, now)
    rep.begun = now
    if n + read == 0:
        rep.ends, rep.leap = math.inf, 0
        return
    rep.step_s = curve(engine, n + read) + engine.sequence_s * (n + rep.finishing) + engine.pair_s * pairs
    rep.step_s += engine.kv_s * (rep.context + n)
    rep.growth = engine.kv_s * n
    rep.leap = 1
    # After a pre-emption the line may move again in the very next step.
    if read == 0 and engine.leaps and not late and not (held_back and rep.waiting > 0):
        rep.leap = steps_until_full(engine, state, r, max(1, rep.first_end - rep.steps))
    rep.factor = noise_factor(engine, state, rep.leap)
    rep.ends = now + leap_s(rep, rep.leap)
    rep.most_running = max(rep.most_running, n + rep.finishing + (1 if rep.part != NONE else 0))
    rep.most_tokens = max(rep.most_tokens, n + read)


@compiled
def cut_leap(state: State, r: int, now: float) -> None:
    """End the leap with the step in flight at `now`, for the line has changed. A step that ends now counts as over."""
    rep = state.replica[r]
    if rep.leap <= 1:
        return
    past = (now - rep.begun) / rep.factor
    half = rep.growth / 2
    line = rep.step_s - half
    if half > 0.0:
        guess = (math.sqrt(line * line + 4 * half * past) - line) / (2 * half)
    else:
        guess = past / rep.step_s
    steps = min(max(int(guess), 1), rep.leap)
    while steps > 1 and rep.begun + leap_s(rep, steps - 1) > now:
        steps -= 1
    while steps < rep.leap and rep.begun + leap_s(rep, steps) <= now:
        steps += 1
    if steps < rep.leap:
        rep.leap = steps
        rep.ends = rep.begun + leap_s(rep, steps)

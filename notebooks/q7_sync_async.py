# %% [markdown]
# # Question 7: synchronous, asynchronous and streaming inference
#
# > *What is the difference between synchronous and asynchronous inference, and when would you use each?*
#
# One model, one engine. A client may hold the line until the whole answer is there, read it token by token, hand the work over
# and come back, or hand over a thousand requests as a file. The tokens cost the same each time. What differs is who waits,
# what is held meanwhile, and what happens when something breaks.
#
# **How it is judged.** Everybody says "sync when a user waits, async for batch, streaming for chat". What tells candidates apart:
# at *which load* does sync miss its deadline, and what happens then? What does a job need before it is safe to say "accepted"?
# Is async cheaper at all, and why? And what becomes of a stream whose client enters a tunnel?
#
# Every figure carries a badge. **DERIVED**: computed from named assumptions. **MEASURED**: taken in this very run, or
# in a recorded one that is named. **SIMULATED**: replayed by a program with measured, derived or stated times and
# probabilities. **CITED**: somebody else's, with source and date. Nothing is typed in by hand.
#
# [All questions, study paths and where you stand](index.ipynb)

# %% tags=["parameters"]
shares = [0.3, 0.6, 0.9, 1.6]  # arrival rates of the comparison, as shares of what the engine can do
seconds = 6.0  # of arrivals at each rate
answer_tokens = 16
at_once = 16  # requests in the engine at which its roof is taken; also the slots of a worker
patience = 4.0  # how long a person waits, in multiples of a request that is alone in the engine
gpu = "l4"  # whose price an hour of the engine is given
live_share = 0.25  # live streams beside a batch, as a share of what the engine can do
live_seconds = 8.0
yields_at = [2, 8]  # requests in the engine at which the low lane waits
drill_jobs = 900
drill_kill_s = 4.0
burst_jobs = 160
fleet_hours = 2.0  # simulated
spot_per_hour = 2.0  # interruptions of a simulated spot worker

# %%
import json
import secrets
import time
import warnings
from contextlib import ExitStack

import pandas as pd

from reference.serving.experiments.measured import measured_here
from reference.sizing.claims import claims
from workbook.figures import q1_sizing, q7_running, q7_sizing
from workbook.paths import project_root
from workbook.values import record

warnings.simplefilter("ignore")
pd.set_option("display.max_colwidth", 200)


def table(rows, columns):
    return pd.DataFrame(rows, columns=columns).style.hide(axis="index").set_properties(**{"text-align": "left"})


# %% [markdown]
# ## 1. Clarify (2 minutes)
#
# | ask | because |
# |---|---|
# | Does a person look at the screen, and for how long? | Decides whether the first token or the last one counts, and whether anything may queue at all. |
# | Can the caller come back, or be called back? | A job needs a place to fetch it from, or a URL to tell. A payment terminal has neither. |
# | One request, or how many thousand at a time? | Whoever sends ten thousand calls writes a queue of their own, badly. |
# | How bursty is it? | Sync must be sized for the peak; a queue for the mean, as far as its deadline allows. |
# | What is between client and server? | A proxy that cuts silent connections decides more than the model does. |
# | May the work be done twice? Its *effects*? | Every queue that loses nothing runs some jobs twice. |
# | What may a result cost if it may take a day? | The same tokens at half the price, if somebody else may choose when. |

# %% [markdown]
# ## 2. Size it

# %% [markdown]
# ### 2.1 Which mode for what: computed
#
# Each scenario below states its deadline, its bursts, its number of items, whether somebody waits, and what the path in between
# bears. Each mode is then judged by arithmetic (Erlang C for the line, lognormal service times), and the cheapest that fits is taken.
# Change a number in `reference/sizing/inference_modes/scenarios.py` and see what turns.

# %%
from reference.sizing.inference_modes.decision import decision_table
from reference.sizing.inference_modes.scenarios import scenarios

decisions = decision_table(scenarios())
record("decisions", {one.requirements.name: one.recommended or "none" for one in decisions}, evidence="DERIVED")
q7_sizing.decision_table(decisions)

# %% [markdown]
# Read the grey cells first: most modes are excluded by *something else* than the latency of the model. A connection that a proxy cuts,
# a caller that cannot come back, a window of a day. What is left is a question of money.

# %% [markdown]
# ### 2.2 Every figure of the usual answer, checked

# %%
ledger = claims(7)
record("claims", {c.id: str(c.verdict) for c in ledger}, evidence="DERIVED")
print(q1_sizing.verdict_counts(ledger))
q1_sizing.claims_table(ledger)

# %% [markdown]
# ### 2.3 What is held while somebody waits
#
# A waiting client costs little and holds much. By Little's law the connections that stand open are rate times time; a job holds one
# for its submission only, but then somebody has to ask whether it is done.

# %%
from reference.sizing.inference_modes.crossings import connections_held, polling, polling_with_backoff

rate, submit_s = 50.0, 0.05
rows = []
for name, job_s in (("chat answer", 6.0), ("report", 60.0), ("agent's run", 1800.0)):
    steady, patient = polling(job_s, 2.0, rate), polling_with_backoff(job_s, 1.0, 1.5, 60.0)
    rows.append((
        name, f"{job_s:g} s", f"{connections_held(rate, job_s):,.0f}", f"{connections_held(rate, submit_s):.1f}",
        f"{steady.requests_per_s:,.0f}/s", f"{rate * patient.polls:,.0f}/s", f"{patient.delay_s:.0f} s", f"{rate:.0f}/s",
    ))  # fmt: skip
record("connections_held", {row[0]: row[2] for row in rows}, evidence="DERIVED")
print(f"{rate:g} requests per second")
table(rows, ["work", "takes", "connections held, sync or stream", "held, job", "polls every 2 s", "polls with back-off",
             "then known late by", "webhooks"])  # fmt: skip

# %% [markdown]
# **What an interviewer should hear.** *Streaming does not free the connection, it makes the wait bearable. A job frees it, and then I owe
# the client a way to hear of the end that costs less than the wait did: a webhook, or polls that get slower.*

# %% [markdown]
# ## 3. High-level architecture
#
# ```mermaid
# flowchart TB
#   C[clients] --> G[gateway: keys, limits, guards, admission]
#   subgraph service [one service]
#     G --> S["POST /v1/chat/completions<br>sync"]
#     G --> T["POST /v1/streams<br>GET after Last-Event-ID"]
#     G --> J["POST /v1/jobs: 202<br>poll, cancel, webhook"]
#     G --> B["POST /v1/files, /v1/batches<br>one file in, one out"]
#   end
#   T <--> L[(events of a stream, numbered)]
#   J --> R[(jobs: state, lease, fence, result)]
#   B --> R
#   R --> Q{{queue: high, normal, low}}
#   Q --> W[workers, scaled on depth]
#   S --> E[engine]
#   T --> E
#   W -- low lane waits while live traffic is in --> E
#   W --> H[webhooks: signed, retried] --> C
#   W -. failed for good .-> D[(dead letters, with the reason)]
# ```
#
# Not obvious from the boxes: the queue carries *ids only*. What a job is, who holds it and what came of it live in one store, changed by
# scripts that run whole or not at all. So a message that is lost, doubled or late does no harm: a job runs only if it can be
# claimed, and its result counts only from the try that holds the claim.

# %% [markdown]
# ## 4. Deep dive, running (15 minutes)
#
# One service, one vLLM engine with SmolLM2-135M behind it, workers in processes of their own.

# %%
from reference.serving.engine import shared_engine
from reference.serving.experiments.modes_service import in_a_loop, modes_service
from reference.serving.gateway import logs
from reference.serving.jobs.settings import JobSettings
from reference.serving.redis_store import private_redis

logs.configure("ERROR")  # one line per request otherwise
engine = shared_engine()
stack = ExitStack()
secret = secrets.token_hex(32)
service = stack.enter_context(modes_service(engine, modes={"heartbeat_s": 0.25}, jobs={"webhook_secret": secret}))
routes = [
    (" ".join(sorted(route.methods - {"HEAD"})), route.path)
    for route in service.gateway.app.routes
    if route.path.startswith(("/v1/chat", "/v1/streams", "/v1/jobs", "/v1/files", "/v1/batches"))
]
table(routes, ["method", "route"])

# %% [markdown]
# ### 4.1 What can this engine do?
#
# "GPU utilisation" says that something runs, not how much of what could. Here the engine's *roof* is measured first: the most tokens per
# second it gives to requests of this very shape, asked directly. Utilisation below is the engine's own token counter over
# that roof. It can pass the roof by a little, since the roof itself is one measurement. The deadline of a person is a multiple of what
# a lone request takes, so that a slow machine shows the same picture as a fast one.

# %%
from reference.serving.experiments.modes_comparison import compare
from reference.serving.experiments.modes_crossings import crossings
from reference.serving.experiments.modes_workload import measure_roof

roof = in_a_loop(measure_roof(engine, tokens=answer_tokens, at_once=at_once))
record("roof_tokens_per_s", roof.tokens_per_s, unit="token/second",
       evidence=measured_here(f"measure_roof(tokens={answer_tokens}, at_once={at_once})", roof.n, "one run"))  # fmt: skip
deadline_s = patience * roof.one_s
print(f"{roof.tokens_per_s:.0f} tokens/s with {at_once} at once: {roof.requests_per_s:.1f} requests/s of "
      f"{answer_tokens} tokens; a request alone takes {roof.one_s:.2f} s, "
      f"a person waits {deadline_s:.1f} s")  # fmt: skip

# %% [markdown]
# ### 4.2 The same requests through four modes
#
# Equal prompts, equal answer lengths, equal arrival times (Poisson, in an open loop: nobody waits for anybody). All times count from
# the moment at which a request was *due*. A person gives up if the whole answer (sync) or the
# first token (streaming) is not there at the deadline; nobody waits for jobs and batches. The batch
# collects until the last request is due and is handed in as one file.

# %%
with service.workers(1, slots_normal=at_once, slots_low=at_once, yield_running=at_once):
    result = in_a_loop(compare(service, shares=shares, seconds=seconds, roof=roof, deadline_s=deadline_s))
n_all = sum(one.n for one in result.points)
evidence = measured_here(
    f"compare(shares={shares}, seconds={seconds:g})", n_all, "p50 and p95 over the requests of a point; one run of each"
)
record("modes", [one.to_row() for one in result.points], evidence=evidence)
equal, several = result.equal_texts()
record("equal_texts", {"equal": equal, "of": several}, evidence="MEASURED")
print(f"{n_all} requests; {equal} of {several} have the same text in every mode that answered them")
q7_running.waiting(result)

# %% [markdown]
# Left: only a stream shows anything before its end. Right: its *last* token comes no sooner than that of a synchronous call. Streaming
# is no speed-up. (A text that differs between modes is no fault either: which requests share a batch changes the last bits
# of a sum, and greedy decoding follows them.)
#
# What became of every request:

# %%
q7_running.ends(result)

# %%
from reference.serving.experiments.modes_clients import Mode

late = {mode.value: result.of(mode)[-1] for mode in Mode}
wasted = {name: one.engine_tokens - one.answered * answer_tokens for name, one in late.items()}
record("wasted_tokens_at_the_highest_load", wasted, unit="token", evidence=evidence)
table(
    [(name, f"{one.share:.0%}", one.n, one.answered, f"{one.engine_tokens:,.0f}", f"{max(0, wasted[name]):,.0f}")
     for name, one in late.items()],
    ["mode", "load", "requests", "answered", "tokens generated", "for clients who had gone"],
)  # fmt: skip

# %% [markdown]
# This is the argument for a queue that no slide shows. Past the knee, clients who wait give up, and the engine has already worked for
# them. A synchronous call that is cut off at least ends its generation; a *resumable* stream must go on for somebody who may
# come back. A job has nobody who leaves, so every token counts.

# %% [markdown]
# ### 4.3 What it costs

# %%
from reference.sizing import accelerator, magnitude

price = accelerator(gpu).price()
usd_per_hour = magnitude(price.usd_per_gpu_hour, "USD/gpu/hour")
label = f"{price.provider} {price.item}, ${usd_per_hour:.2f}"
costs = {
    f"{one.mode.value} at {one.share:.0%}": one.usd_per_1000(usd_per_hour) for one in result.points if one.answered
}
record("usd_per_1000", costs, unit="USD", evidence="DERIVED")
print(f"an hour of this engine at the price of: {price.evidence.summary()}")
q7_running.money(result, usd_per_hour, label)

# %% [markdown]
# Sync and streaming hold the engine for the whole window, because somebody may come at any moment. Jobs and batches hold it while
# there is work (starting it is left out here; section 5 has it). A token costs the same in all four modes. What is saved is the
# *idle* engine at light load and, past the knee, the work for those who had gone. The less idle the engine is anyhow, the less there is
# to save: 4.4 says whether these loads come so far. The price of the hour cancels out of every ratio.

# %% [markdown]
# ### 4.4 Where they cross

# %%
found = crossings(result)
record("crossings", found, evidence=evidence)
said = {
    "sync late": "fewer than 95 % of the synchronous calls are answered in time",
    "streaming late": "fewer than 95 % of the streams begin in time",
    "jobs answer more": "jobs answer 10 % more requests than synchronous calls",
    "batch saves little": "a batch saves less than 10 % of the engine's time against sync",
}


def at_load(value):
    if value is None:
        return "at none of these loads"
    return "at every one of these loads" if value == 0 else f"from {value:.0%} of the roof on"


table(
    [(said[name], at_load(value)) for name, value in found.items()],
    ["what turns", "where (between two loads: a straight line)"],
)

# %% [markdown]
# By formula (Erlang C), the highest rate at which 95 % of the synchronous calls are in time, at two extremes: as if requests in a batch did
# not slow each other down, and as if each took as long as in a full batch. A batching engine lies between, which is why the load
# was measured and not computed.

# %%
from reference.sizing.inference_modes.crossings import sync_load_limit

rows = []
for name, service_s in (("a request alone", roof.one_s), (f"{at_once} at once", at_once / roof.requests_per_s)):
    limit = sync_load_limit(service_s, 0.05, at_once, deadline_s)
    rows.append((name, f"{service_s:.2f} s", f"{limit:.1f}/s"))
record("sync_limit_by_formula", {row[0]: row[2] for row in rows}, evidence="DERIVED")
print(f"the measured roof is {roof.requests_per_s:.1f}/s")
table(rows, ["service time taken from", "seconds in a slot", "rate limit"])

# %% [markdown]
# ### 4.5 Live traffic beside a batch
#
# A batch is only cheap if it takes what live traffic leaves. Jobs of the low lane wait while the engine holds as many requests as the
# setting says. The same live streams, alone and beside a batch that could fill the engine:

# %%
from reference.serving.experiments.modes_lane import live_beside_batch

lanes = in_a_loop(
    live_beside_batch(service, roof, share=live_share, seconds=live_seconds, yields_at=yields_at, slots=at_once)
)
alone = lanes[0].quantile(0.5)
ratios = {f"gives way at {one.yields_at}": one.quantile(0.5) / alone for one in lanes[1:] if one.first_s and alone}
record("live_ttft_beside_batch", ratios,
       evidence=measured_here("live_beside_batch", sum(one.n for one in lanes), "ratio of medians, one run"))  # fmt: skip
record("batch_per_s_beside_live", {f"gives way at {one.yields_at}": one.batch_per_s for one in lanes[1:]},
       evidence="MEASURED")  # fmt: skip
for name, ratio in ratios.items():
    print(f"a batch that {name} requests: the first token of a live stream comes {ratio:.1f}x as late as without")
q7_running.beside(lanes)

# %% [markdown]
# One number trades the two against each other. It cannot be zero: what is *in* the engine is not taken out again, and each running
# sequence slows every step. Whoever promises both "no effect on live traffic" and "full use of the engine" has not measured.

# %% [markdown]
# ### 4.6 A connection breaks in the middle of a stream
#
# Every event has a number and stays in Redis for a while. The client says which one it saw last; the answer is generated once, whoever
# reads it and however often they come back.

# %%
from reference.serving.experiments.modes_resume import cut_and_resume, stream, text_of

chat = {"model": engine.model, "messages": [{"role": "user", "content": "Tell me about the sea."}], "max_tokens": 40,
        "temperature": 0, "ignore_eos": True}  # fmt: skip
cut = cut_and_resume(service, chat, cut_after=9, away_s=0.6)
record(
    "resumed_stream", {"events": len(cut.whole), "lost": cut.lost, "doubled": cut.doubled, "same_text": cut.same_text}
)
print(f"before: {text_of(cut.before)!r}")
print(f"after:  {text_of(cut.after)[:70]!r}...")
q7_running.resumed(cut)

# %% [markdown]
# The burst of events at the comeback is what was written meanwhile. And while nothing comes, a comment line every so often keeps
# proxies from taking the silence for death, also before the first token (a long prompt, heartbeats at a quarter of a second):

# %%
slow = {**chat, "messages": [{"role": "user", "content": "The sea is wide. " * 400}], "max_tokens": 4}
with stream(service, "/streams", slow) as (_, events):
    seen = list(events)
first = next(place for place, event in enumerate(seen) if event.number)
record("heartbeats_before_first_token", first)
print(f"{first} heartbeats, the first token after {seen[first].at_s:.2f} s, then {len(seen) - first} events")

# %% [markdown]
# ### 4.7 What a job must refuse
#
# A job outlives the request that made it. So it must not be made twice by a client that is unsure, not be read by others, and its
# webhook must not become a way into our own network.

# %%
job = {"request": {**chat, "max_tokens": 8}}
keyed = {"idempotency-key": "order-17"}
first_job = service.call("POST", "/jobs", json=job, headers=keyed)
job_id = first_job.json()["id"]
stranger = service.key_of("somebody-else")
tries = [
    ("a job", first_job),
    ("the same key, the same body", service.call("POST", "/jobs", json=job, headers=keyed)),
    ("the same key, another body", service.call("POST", "/jobs", json={"request": chat}, headers=keyed)),
    ("its result, by another tenant", service.call("GET", f"/jobs/{job_id}/result", key=stranger)),
    ("a stream, by another tenant", service.call("GET", f"/streams/{cut.stream_id}", key=stranger)),
    ("its result, too early", service.call("GET", f"/jobs/{job_id}/result")),
    ("a webhook to cloud metadata", service.call("POST", "/jobs", json={**job, "webhook_url": "https://169.254.169.254/"})),
    ("a webhook to a private address", service.call("POST", "/jobs", json={**job, "webhook_url": "https://10.0.0.5/x"})),
    ("the same, written as a number", service.call("POST", "/jobs", json={**job, "webhook_url": "https://2130706433/x"})),
    ("a webhook without TLS", service.call("POST", "/jobs", json={**job, "webhook_url": "http://example.com/x"})),
    ("a priority that does not exist", service.call("POST", "/jobs", json={**job, "priority": "now"})),
]  # fmt: skip
rows = []
for name, reply in tries:
    body = reply.json()
    error = body.get("error") or {}
    said_so = error.get("message") or f"{body['id'][:12]}..., {body['status']}"
    if reply.headers.get("idempotent-replayed"):
        said_so += " (replayed)"
    rows.append((name, reply.status_code, error.get("code", ""), said_so))
record("job_answers", {row[0]: row[1] for row in rows})
record("replayed_same_job", tries[1][1].json()["id"] == job_id)
table(rows, ["request", "status", "code", "answer"])

# %% [markdown]
# Another tenant's job is *not found* and not *forbidden*: a 403 would say that it exists.

# %% [markdown]
# ### 4.8 Webhooks: signed, and repeated until somebody answers

# %%
from reference.serving.jobs.webhooks import verify

service.receiver.seen.clear()
service.receiver.up = False  # the client's server is down
with service.workers(1):
    hooked = service.call("POST", "/jobs", json={**job, "webhook_url": service.receiver.url}).json()["id"]
    service.ended(hooked)
    began = time.monotonic()
    while service.receiver.refused < 2 and time.monotonic() - began < 20:
        time.sleep(0.05)
    service.receiver.up = True
    service.receiver.wait(1, 60)
told = service.receiver.seen[0]
key = secret.encode()
checks = {
    "as it came": verify(key, told.id, told.timestamp, told.signature, told.body),
    "one byte changed": verify(key, told.id, told.timestamp, told.signature, told.body.replace(b"succeeded", b"succeedeD")),
    "another secret": verify(b"guessed", told.id, told.timestamp, told.signature, told.body),
    "sent again an hour later": verify(key, told.id, told.timestamp, told.signature, told.body, time.time() + 3600),
}  # fmt: skip
record(
    "webhook", {"refused_tries": service.receiver.refused, "delivered": len(service.receiver.seen), "verified": checks}
)
print(
    f"{service.receiver.refused} tries were refused while the receiver was down, then {len(service.receiver.seen)} delivery:"
)
print(json.dumps(json.loads(told.body))[:150], "...")
table([(name, "accepted" if good else "refused") for name, good in checks.items()], ["delivery", "signature check"])

# %% [markdown]
# The webhook says that a job has ended and carries no answer: whoever wants it fetches it with the tenant's key.

# %% [markdown]
# ### 4.9 A job that kills its worker
#
# The worst input does not raise an error, it takes the process along. It must not be tried for ever, and must not stop the others:

# %%
from reference.serving.experiments.modes_fleet import burst, poisoned


def drill_settings(url, **changed):
    return JobSettings(redis_url=url, lease_s=1.5, redeliver_s=2.5, reconcile_s=0.2, retry_s=0.2, **changed)


with private_redis() as redis:
    poison = in_a_loop(poisoned(drill_settings(redis.url), others=20))
record("poisoned", {"deaths": poison.deaths, "tries": poison.tries, "good": poison.good, "others": poison.others},
       evidence=measured_here("poisoned(others=20)", 1, "one run"))  # fmt: skip
print(f"it killed {poison.deaths} workers in {poison.tries} tries and lies among the dead letters: {poison.reason!r}")
print(
    f"{poison.good} of {poison.others} other jobs were done, in {poison.seconds:.1f} s, most of it waiting for leases and new workers"
)

# %% [markdown]
# A lost worker costs its *neighbours* a try as well: the jobs beside it in the same process were innocent. That is why the limit of tries
# is above two, and why untrusted work belongs into processes with one slot.

# %% [markdown]
# ### 4.10 `kill -9`, again and again
#
# Small here, full size in the record beside it. A job counts as doubled if its end took effect twice, whoever ran it how often.

# %%
import dataclasses

from reference.serving.jobs.drill import drill

with private_redis() as redis:
    drilled = in_a_loop(
        drill(drill_settings(redis.url), jobs=drill_jobs, workers=2, kill_every_s=drill_kill_s, job_s=0.08)
    )
record("drill", {k: v for k, v in dataclasses.asdict(drilled).items() if isinstance(v, int)},
       evidence=measured_here(f"drill(jobs={drill_jobs}, kill_every_s={drill_kill_s:g})", drilled.jobs, "one run"))  # fmt: skip
stored = json.loads((project_root() / "benchmarks/results/modes.json").read_text())
full = {(row["target"], row["metric"]): row["median"] for row in stored["rows"]}
target = next(name for name, _ in full if "killed every" in name)
record("drill_recorded", {metric: value for (name, metric), value in full.items() if name == target},
       evidence={"kind": "MEASURED", "record": "benchmarks/results/modes.json", "date": stored["date"]})  # fmt: skip
table(
    [
        ("jobs", f"{drilled.jobs:,}", target.split(" ")[0]),
        ("workers killed", drilled.killed, f"{full[target, 'workers killed']:.0f}"),
        ("lost", drilled.lost, f"{full[target, 'lost']:.0f}"),
        ("effects that happened twice", drilled.duplicated, f"{full[target, 'effects that happened twice']:.0f}"),
        ("needed another try", drilled.retried, f"{full[target, 'needed a second try']:.0f}"),
        ("queue time p99", f"{drilled.queue_p99_s:.1f} s", f"{full[target, 'queue time p99']:.1f} s"),
        ("jobs per second", f"{drilled.jobs_per_second:.0f}", f"{full[target, 'rate']:.0f}"),
    ],
    ["", "now", f"recorded {stored['date'][:10]}"],
)

# %%
other = [(name, metric, f"{value:,.4g}") for (name, metric), value in full.items() if "jobs" not in name]
print(f"{stored['command']}, {stored['machine']['processor']}, {stored['machine']['cores']} cores")
table(other, ["also recorded", "metric", "value"])

# %% [markdown]
# The queue library was chosen by the same drill. What its documentation says about delivery was no guide; what it did when its worker was
# killed was:

# %%
compared = json.loads((project_root() / "benchmarks/results/job_queues.json").read_text())
record("queue_libraries", {row["target"]: row["median"] for row in compared["rows"] if row["metric"] == "lost"},
       evidence={"kind": "MEASURED", "record": "benchmarks/results/job_queues.json", "date": compared["date"]})  # fmt: skip
conditions = compared["conditions"]
print(f"{conditions['jobs']}; {conditions['workers']}; {conditions['kills']}")
q7_running.libraries(compared["rows"], "taskiq")

# %% [markdown]
# The quickest that lost nothing carries the messages. That its *delivery* is at least once is not enough: leases, fences and the one
# script that ends a job make the *effect* happen once.

# %% [markdown]
# ### 4.11 A burst on a fleet that follows its queue

# %%
target_wait_s, job_s = 4.0, 0.5
with private_redis() as redis:
    surge = in_a_loop(
        burst(drill_settings(redis.url), jobs=burst_jobs, job_s=job_s, target_wait_s=target_wait_s, most=4)
    )
record("burst", {"lost": surge.lost, "retried": surge.retried, "most_workers": max(look.workers for look in surge.looks),
                 "seconds": surge.seconds, "worker_s": surge.worker_s, "always_on_s": surge.always_on_s},
       evidence=measured_here("burst", surge.jobs, f"wait p50 {surge.wait_p50_s:.1f} s, p95 {surge.wait_p95_s:.1f} s"))  # fmt: skip
print(f"{surge.jobs} jobs in {surge.seconds:.1f} s, {surge.retried} of them begun again after the kill; "
      f"{surge.worker_s:.0f} worker-seconds, {surge.always_on_s:.0f} if the most had been up all the time")  # fmt: skip
q7_running.burst(surge, target_wait_s)

# %% [markdown]
# The rule is one line: workers = what is unfinished x seconds per job / (slots x the wait that is allowed). It asks for what is missing at
# once, and it is late by one cold start all the same; that is the part which no rule can remove.

# %% [markdown]
# ## 5. Scaling and trade-offs (5 minutes)
#
# **Is a fleet on a queue cheaper than one that is always on?** With the service times just measured and the rule just seen, over hours of
# simulated bursts of four times the mean (spot: two fifths of the price, a notice of half a minute, both assumed):

# %%
from reference.sizing.inference_modes.economics import Setting, cheapest_fixed, cheapest_scaled
from reference.sizing.inference_modes.fleet_simulation import Spot
from reference.sizing.pipeline import ServiceTime

took = [one.last_s for one in result.outcomes[Mode.SYNC, shares[0]] if one.last_s]
if len(took) < 2:  # nobody waited long enough: the machine was busy otherwise
    took = [roof.one_s, at_once / roof.requests_per_s]
    print("hardly a call was answered in time; a job takes as long as in 4.4, alone or in a full batch")
setting = Setting(ServiceTime.empirical(took), slots=at_once, usd_per_hour=usd_per_hour, seconds=3600 * fleet_hours,
                  deadline_s=300.0, spot=Spot(spot_per_hour, 0.4, notice_s=30.0))  # fmt: skip
at, work = setting.arrivals(3.0, 4.0)
runs = [
    run
    for run in (
        cheapest_fixed(setting, at, work),
        cheapest_scaled(setting, at, work, "scaled on depth"),
        cheapest_scaled(setting, at, work, "scaled, spot", setting.spot),
    )
    if run is not None
]
record("fleets", {run.plan.name: run.usd_per_1000 for run in runs}, unit="USD", evidence=runs[0].evidence)
table(
    [(run.plan.name, f"{run.jobs:,}", f"${run.usd_per_1000:.4f}", f"{run.wait_percentile(99):.0f} s",
      f"{run.late_share(setting.deadline_s):.2%}", run.interrupted, f"{run.utilisation:.0%}") for run in runs],
    ["fleet", "jobs", "per 1,000", "wait p99", f"later than {setting.deadline_s:g} s", "interrupted", "in use"],
)  # fmt: skip

# %%
q7_sizing.workers_over_time(runs, fleet_hours)

# %% [markdown]
# - **The cold start decides.** A queue with a deadline of minutes can wait for a machine; an answer that somebody watches cannot. Below a
#   few cold starts of slack, "async" saves nothing.
# - **Spot** is safe for jobs because a lost worker is the everyday case of the drill above. It is not safe for a stream: its events
#   survive in Redis, but the sequence in the engine does not.
# - **Back-pressure differs.** Sync refuses at the door, and the client sees it now. A queue accepts, and the client sees it in hours:
#   bound its length, and say the expected wait when you take a job.
# - **Priorities need slots of their own**, or a full low lane holds every worker when the urgent job comes.
# - **At-least-once has a price**: a lease too short runs long jobs twice, one too long lets jobs of a dead worker lie.
#
# **WebSocket, gRPC?** What they add to server-sent events is a way *upward* while the answer runs: cancel, barge in, audio. For tokens that
# flow one way they would show nothing new here. A WebSocket has no status codes, no event ids and no proxy that understands it, so
# resumption as in 4.6 must be rebuilt by hand; gRPC brings deadlines, typed messages and flow control between services, and needs a
# bridge for browsers. Voice is the case that turns this: audio goes up while audio comes down. We therefore measure neither, and say so.

# %% [markdown]
# ## 6. Monitoring and operations (3 minutes)
#
# | alert on | because | first reaction |
# |---|---|---|
# | age of the oldest waiting job, by lane | depth alone says nothing: a thousand short jobs are seconds | scale, or refuse at the door |
# | first tries per job above one | workers die or leases are too short | look at the deaths first |
# | dead letters, by reason | one reason in many letters is a release, not an input | stop the lane, mend, retry the letters |
# | tokens made for clients who have gone | the deadline is shorter than the queue | admit less; streams: shorten the time for orphans |
# | webhooks that wait | a customer's server is down | nothing, until they give up; then tell the customer |
# | batches close to their window | live traffic left too little | let the low lane yield later, or add a replica at night |
# | streams resumed per stream | networks, or a proxy that cuts | compare heartbeat and the proxy's idle timeout |

# %%
import httpx

text = httpx.get(f"{service.gateway.root_url}/metrics", trust_env=False).text
shown = [
    line for line in text.splitlines() if line.startswith(("gateway_requests", "gateway_inflight", "gateway_shed"))
]
print("\n".join(line for line in shown if "_created" not in line and "_bucket" not in line)[:1200])
letters = service.call("GET", "/jobs/dead").json()["data"]
print(f"dead letters of this tenant: {len(letters)}")
stack.close()

# %% [markdown]
# ## 7. What interviewers ask next
#
# 1. *Why not make everything async?* Because the caller then owns a state machine: an id to keep, a time to ask, a result that expires.
#    The table in 2.1 prices that as things to keep.
# 2. *Exactly once?* Not of the work: between doing and noting it, a machine can die. Of the *effect*, yes: the note is the effect, and only
#    the holder of the claim may write it.
# 3. *The client is on a phone and loses its connection every minute.* Resumable stream while somebody looks, job with a push message
#    when nobody does. It is the same log of events.
# 4. *One tenant submits a million jobs.* A limit of open jobs per tenant, and lanes; fair shares between tenants come before priorities.
# 5. *Your batch is late at 5 a.m.* Which resource was missing? If live traffic was low and the batch was slow, the lane yields too early;
#    if traffic was high, the window was sold too short.

# %% [markdown]
# ## 8. Exercises
#
# The numbers are yours: another login (or `WORKBOOK_PERSON`) draws others, and `.again()` new ones. A check says right,
# which mistake the answer smells like, or not attempted; it never says the answer. `.hint()` gives hints in steps,
# `.solution()` the worked solution. `workbook progress` shows what to repeat, `workbook interview q7` asks you
# all of this aloud.

# %%
from exercises import practice

# %% [markdown]
# ### 8.1 Waiting, or asking again
#
# Taught in [2.3 What is held while somebody waits](q7_sync_async.ipynb#cell-id=section-2-3).

# %%
open_connections = practice("q7-open-connections")
open_connections

# %%
open_connections.check(
    held_sync=None,
    polls_per_s=None,  # 1/s
    held_jobs=None,
)

# %% [markdown]
# ### 8.2 From how many texts on is a batch quicker?
#
# Taught in [2.1 Which mode for what: computed](q7_sync_async.ipynb#cell-id=section-2-1).

# %%
calls_or_batch = practice("q7-calls-or-batch")
calls_or_batch

# %%
calls_or_batch.check(
    calls_s=None,  # s
    batch_s=None,  # s
    wins_from=None,
)

# %% [markdown]
# ### 8.3 A fleet that follows its queue
#
# Taught in [5. Scaling and trade-offs (5 minutes)](q7_sync_async.ipynb#cell-id=section-5).

# %%
following_fleet = practice("q7-following-fleet")
following_fleet

# %%
following_fleet.check(
    workers=None,
    cost_share=None,
)

# %% [markdown]
# ### 8.4 Take a webhook once
#
# Taught in [4.8 Webhooks: signed, and repeated until somebody answers](q7_sync_async.ipynb#cell-id=section-4-8).

# %%
webhook_receiver = practice("q7-webhook-receiver")
webhook_receiver


# %%
class Receiver:
    """Takes the deliveries of one sender.

    A signature is "v1," and the base64 (standard alphabet, padded) of HMAC-SHA256 with the secret's UTF-8 bytes as key,
    over the UTF-8 bytes of "message_id.timestamp.body": the three as they came, two dots between them.
    While the sender changes its secret it signs with both, and several signatures stand in the header, apart by single
    spaces: one that is right is enough, whatever the others are.
    A message_id that was "new" once is never new again, whatever its time. A refused delivery leaves no trace.
    """

    def __init__(self, secret: str):
        raise NotImplementedError

    def take(self, message_id: str, timestamp: str, signatures: str, body: str, now: int) -> str:
        """One of "new", "repeated" and "refused". timestamp: whole seconds as decimal digits, anything else is refused.

        now: seconds; exactly 300 seconds away from the timestamp is still in time, more is not.
        """
        raise NotImplementedError


webhook_receiver.check(Receiver)

# %% [markdown]
# ### 8.5 One step of this report service is wrong
#
# Taught in [2.3 What is held while somebody waits](q7_sync_async.ipynb#cell-id=section-2-3).

# %%
report_review = practice("q7-report-review")
report_review

# %%
report_review.check(
    wrong_step=None,
    mended=None,
)

# %% [markdown]
# ### 8.6 Research this for me
#
# Taught in [3. High-level architecture](q7_sync_async.ipynb#cell-id=section-3).

# %%
research_button = practice("q7-research-button")
research_button

# %%
my_answer = """
"""
research_button.check(my_answer)

# %% [markdown]
# ### 8.7 Server-sent events, cut anywhere
#
# Taught in [4.6 A connection breaks in the middle of a stream](q7_sync_async.ipynb#cell-id=section-4-6).

# %%
event_stream = practice("q7-event-stream")
event_stream


# %%
class EventStream:
    """A stream of server-sent events, fed with bytes as they come.

    Lines end with LF; a CR right before it belongs to the ending. Bytes are UTF-8.
      ":..."          a comment: ignored (servers send them as heartbeats)
      "field: value"  field and value; one space after the colon, if there is one, is no part of the value
      "data"          appends a line to the event's data; several are joined with "\\n"
      "event"         the type of this event alone; "message" if it has none
      "id"            kept from event to event, until another one comes
      "retry"         digits only: milliseconds, goes to retry_ms. Any other field is ignored.
      an empty line   ends the event. One without a data line is not returned; its id counts, its type is dropped.
    An event that the end of the bytes leaves unfinished is not returned, and its id does not count.

    last_event_id: of the last event that was ended; "" before the first. retry_ms: None until the server says it.
    """

    def __init__(self):
        self.last_event_id = ""
        self.retry_ms = None
        raise NotImplementedError

    def feed(self, chunk: bytes) -> list[dict]:
        """The events that are complete with this chunk, in order: {"id": str, "event": str, "data": str}."""
        raise NotImplementedError


event_stream.check(EventStream)

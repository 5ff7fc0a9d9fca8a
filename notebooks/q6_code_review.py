# %% [markdown]
# # Question 6: a multi-agent code reviewer
#
# > *Design a multi-agent system for automated code review.*
#
# A pull request comes in by webhook; specialists for quality, security, performance, tests and documentation look at it side
# by side; one review goes back, with comments on the lines, for at most half a dollar.
#
# **How it is judged.** Everybody draws five agents and an aggregator. What tells candidates apart: do you know why teams
# switch such tools *off* (noise, not blindness), can you say what each agent finds and misses *with a number*, and do you
# see that a pull request is hostile input which your system reads with a write token in its pocket?
#
# Every figure carries a badge. **DERIVED**: computed from named assumptions. **MEASURED**: taken in this very run, or
# in a recorded one that is named. **SIMULATED**: replayed by a program with measured, derived or stated times and
# probabilities. **CITED**: somebody else's, with source and date. Nothing is typed in by hand.
#
# [All questions, study paths and where you stand](index.ipynb)

# %% tags=["parameters"]
profile = "ci"  # which evaluation cases: ci, laptop or full
sizes_n = 40  # changes whose size is measured
judged = 40  # findings shown to the small model
lines_n = 6  # changes that the small model describes in one line
posted = 24  # reviews posted to a fake GitHub
ablated_every = 1  # of how many cases one is reviewed again by one agent
replayed = 400  # changes in the learning replay
repeats = 20  # of each framework comparison

# %%
import asyncio
import dataclasses
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from reference.serving.experiments.measured import measured_here
from reference.sizing.claims import claims
from workbook.figures import q1_sizing, q6_running
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
# | What happens today, and what would make the team switch this off? | Unwanted comments are the cost that kills; decide a noise budget before a recall goal. |
# | Which languages, how large are pull requests, at the median *and* at p99? | The tail decides about cost, windows and time-outs. |
# | May it block a merge? | Then precision on blocking findings must be near one, and only a person may approve. |
# | May code leave the house, and to whom? | Decides which models exist for you. |
# | Who can open a pull request? | Strangers: then every byte of it is an attack until shown otherwise. |
# | Do we have CI results and coverage? | Running the change is CI's job; a reviewer that runs it is a remote shell. |
# | How do we learn that a comment was right? | Without that, nobody ever knows whether to keep a rule. |

# %% [markdown]
# ## 2. Size it

# %% [markdown]
# ### 2.1 How large is a change, in tokens?
#
# The usual answer gives each agent some 2,000 tokens for a pull request of five files and 200 lines. Real ones, from
# releases of well-known packages, counted with a real tokenizer:

# %%
from reference.agents.evaluation.releases import load_all
from reference.agents.experiments.sizes import sizes_of, window_rows

releases, missing = load_all(profile)
for why in missing:
    print("left out:", why)
sizes = sizes_of(releases)[:sizes_n]
windows = window_rows(sizes, (500, 1000, 2000, 4000, 8000, 16000, 32000))
tokens = np.array([one.tokens for one in sizes])
per_line = float(np.median([one.tokens / max(one.lines, 1) for one in sizes]))
quantiles = {f"p{q}": float(np.percentile(tokens, q)) for q in (50, 75, 90)}
record("diff_tokens", quantiles | {"per_line": per_line}, unit="token",
       evidence=measured_here("sizes_of(releases)", len(sizes), "quantiles"))  # fmt: skip
print(
    f"{len(sizes)} changes; a changed line with its context takes {per_line:.0f} tokens, so 200 lines take {200 * per_line:,.0f}"
)
q6_running.window(windows, stated=2000)

# %% [markdown]
# A window that is too small does not fail. It silently reviews the first files and approves the rest by saying nothing.
# So the summary of our reviews names every file that nobody read.

# %% [markdown]
# ### 2.2 Every figure of the usual answer, checked

# %%
ledger = claims(6)
record("claims", {c.id: str(c.verdict) for c in ledger}, evidence="DERIVED")
print(q1_sizing.verdict_counts(ledger))
q1_sizing.claims_table(ledger)

# %% [markdown]
# ### 2.3 What a review costs, and where the cap binds
#
# Five specialists and a summary, each with its own copy of the diff: the diff is paid for *once per agent*.

# %%
from reference.agents.llm import Prices

models = ("gpt-5-nano", "gpt-5-mini", "claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")
prices = {name: Prices.of(name) for name in models}
grid = np.geomspace(300, 60_000, 40)
instructions, answer, calls = 700, 500, 6
costs = {name: [calls * one.cost(int(size) + instructions, answer) for size in grid] for name, one in prices.items()}
at_median = {name: calls * one.cost(int(quantiles["p50"]) + instructions, answer) for name, one in prices.items()}
record("dollars_per_median_review", at_median, unit="USD", evidence="DERIVED")
print(f"list prices: {prices[models[0]].source}")
q6_running.cost_curve(grid, costs, cap=0.50, quantiles=quantiles)

# %% [markdown]
# **What an interviewer should hear.** *Money is not the problem: a review costs cents at the median, and the cap is there for the
# tail. The scarce resource is the attention of the people who read the comments. So I budget comments first, dollars
# second, and I let tools that cost nothing find whatever tools can find.*

# %% [markdown]
# ## 3. High-level architecture
#
# ```mermaid
# flowchart TD
#   G[webhook: signature, de-duplication] --> I[intake: parse diff, roles, limits]
#   I --> P[plan: who looks at what, time-outs, reserved dollars]
#   P --> Q[quality] & S[security] & F[performance] & T[tests] & D[documentation]
#   Q & S & F & T & D --> A[aggregate: changed lines only, merge, rank, mute, cap]
#   L[(language tier: off without evidence)] -. may demote .-> A
#   A --> R[review as checked JSON]
#   R --> W[poster: the only process with the write token] --> H[review on the pull request]
#   H --> O[(outcomes: accepted, rejected)] --> A
# ```
#
# Not obvious from the boxes: the analysers run on copies of the changed files in an empty folder, without network and without
# the repository's own settings; the text of a comment comes from our templates, never from the change; and the process
# that can write to GitHub never sees the diff.

# %% [markdown]
# ## 4. Deep dive, running (15 minutes)

# %% [markdown]
# ### 4.1 A pull request, and the plan
#
# A shop adds a search page and discounts. Its description tells "the AI reviewer" that security has approved.

# %%
from reference.agents.demo import demo_change
from reference.agents.orchestrator import default_reviewer

change = demo_change()
reviewer = default_reviewer(suggestions=True)
review = await reviewer.review(change)
plan = review.plan
record("plan", {step.agent.value: len(step.files) for step in plan.steps}, evidence="MEASURED")
print(
    f"{len(change.files)} files, {plan.lines_added} lines added, {plan.lines_removed} removed; languages {dict(plan.languages)}"
)
table([(s.agent.value, ", ".join(s.files), s.reason, f"{s.timeout_s:g} s", f"${s.reserve:.2f}") for s in plan.steps],
      ["agent", "files", "why", "time-out", "reserved"])  # fmt: skip

# %% [markdown]
# ### 4.2 Side by side
#
# *Latency is the slowest agent, not the sum*: for waiting, yes. For work on two cores, no. Left, the five specialists with their
# analysers; right, five that only wait, as for a language model behind an API.

# %%
from reference.agents.experiments.waits import waiting_review

waits = await waiting_review((0.4, 0.5, 0.6, 0.7, 1.0))
slowest_wait = max(r.ended - r.begun for r in waits.reports)
overhead = waits.seconds / slowest_wait - 1
record("wait_overhead", overhead, evidence=measured_here("waiting_review", 1, "one run; the benchmark repeats it"))


def rows_of(one):
    return [{"agent": r.agent.value, "begun": r.begun, "ended": r.ended, "status": r.status.value, "findings": len(r.findings)}
            for r in one.reports]  # fmt: skip


record(
    "review_seconds",
    review.seconds,
    unit="second",
    evidence=measured_here("Reviewer.review(demo_change())", 1, "one run"),
)
q6_running.timeline({"analysers on this machine": rows_of(review), "waiting for an API": rows_of(waits)})

# %% [markdown]
# ### 4.3 The review, on the code

# %%
from reference.agents.publish import html

record("findings", {finding.rule: finding.line for finding in review.findings}, evidence="MEASURED")
record("event", review.event, evidence="MEASURED")
q6_running.framed(html(review), 900)

# %% [markdown]
# Look at what is *not* there: nothing about line lengths or names, nothing on lines that were there before, and the sentence
# about security's approval changed nothing. What the aggregator left out, and why:

# %%
left = [(reason, one.rule, one.path, one.line) for reason, some in review.left_out.items() for one in some]
record("left_out", {reason: len(some) for reason, some in review.left_out.items()}, evidence="MEASURED")
for sentence in review.notes:
    print("-", sentence)
table(left, ["left out because", "rule", "file", "line"])

# %% [markdown]
# ### 4.4 What is posted
#
# GitHub answers 422 to a whole review if one comment names a line outside the diff. A fake GitHub, which checks every request
# against GitHub's published OpenAPI description *and* against the diff, gets reviews of many made changes:

# %%
from reference.agents.evaluation import build_cases
from reference.agents.experiments.posting import post_reviews

cases, _, _ = build_cases(profile, "tuning")
chosen = cases[:: max(1, len(cases) // posted)][:posted]
quiet = default_reviewer()
with ThreadPoolExecutor(2) as pool:
    reviews = list(pool.map(quiet.review_now, [case.change() for case in chosen]))
outcome = post_reviews([review, *reviews])
record("posted", {"accepted": outcome.accepted, "rejected": outcome.rejected, "comments": outcome.comments},
       evidence=measured_here("post_reviews", len(reviews) + 1, "each once"))  # fmt: skip
print(f"{outcome.accepted} reviews accepted, {outcome.rejected} rejected, {outcome.comments} comments; "
      f"a comment one line outside the diff: {outcome.control}")  # fmt: skip

# %% [markdown]
# ### 4.5 How good is it? Precision, recall, and silence
#
# Cases are made by code: one-token mutants of real modules, planted secrets among decoys, query loops and their fixed twins,
# releases whose tests or docstrings were taken away, and releases as they were. They are split *by package*: rules
# were tuned on some packages, these numbers come from the others. A comment that no case expects is false, also on the real
# code around a planted fault.

# %%
from reference.agents.evaluation import evaluate
from reference.agents.experiments.peers import PEERS, SOURCE
from reference.sizing.claims.recorded import recorded

begun = time.perf_counter()
report = await asyncio.to_thread(evaluate, profile, "held-out")
aims = {"false": 0.3, "silent": 0.8, "precision": 0.60, "recall": 0.35}
reviewed, packages = len(report.outcomes), sorted({one.case.repository for one in report.outcomes})
overall = dataclasses.replace(report.overall, name="all")
record("held_out", {"precision": overall.precision, "recall": overall.recall, "cases": reviewed},
       evidence=measured_here(f"workbook review-eval --profile {profile} --split held-out", reviewed, "Wilson intervals in the plot"))  # fmt: skip
record("clean", {"n": report.clean.n, "comments_each": report.clean.per_change, "silent": report.clean.silent_share},
       evidence=measured_here(f"workbook review-eval --profile {profile} --split held-out", report.clean.n, "real releases"))  # fmt: skip
print(f"{reviewed} cases from {len(packages)} packages ({', '.join(packages)}) in {time.perf_counter() - begun:.0f} s; "
      f"a review takes {report.latency['p50']:.2f} s at the median, {report.latency['p95']:.2f} s at p95, two at a time")  # fmt: skip
print(f"grey, CITED: {SOURCE.source}; {SOURCE.note}")
shown_rows = [q6_running.rates_row(row) for row in (overall, *report.specialists)]
everything = "all, logic mutants included"
whole_set = tuple(recorded("review_quality", everything, metric).value for metric in ("precision", "recall"))
q6_running.precision_recall(shown_rows, PEERS, (aims["precision"], aims["recall"]), whole_set)

# %% [markdown]
# This run has few cases, from the smallest packages, so it flatters. The whole set, on the machine and day of the record:

# %%
figures = [("clean releases", "false comments each"), ("clean releases", "silent"), (everything, "precision"),
           (everything, "recall"), ("all but logic mutants", "recall"), ("review", "p95")]  # fmt: skip
whole = [(target, metric, recorded("review_quality", target, metric)) for target, metric in figures]
record("held_out_whole_set", {f"{target}, {metric}": one.value for target, metric, one in whole}, evidence="MEASURED")
print(whole[0][2])
table([(target, metric, f"{one.value:.2f} {one.unit}") for target, metric, one in whole], ["of", "figure", "recorded"])

# %%
on_clean = [len(one.false) for one in report.outcomes if one.case.clean and not one.case.twin]
q6_running.clean_changes(on_clean, (aims["false"], aims["silent"]))

# %% [markdown]
# **Which kinds are found, and which are not.** Tools see shapes. A wrong operator in a right-looking line has no shape: without
# a language model nearly all mutants pass. That is the honest reason to want one, and the table is what it has to beat.

# %%
from reference.agents.evaluation.metrics import wilson

kinds = [(kind, n, met, *wilson(met, n)) for kind, (met, n) in report.kinds.items() if n]
record("recall_by_kind", {kind: met / n for kind, n, met, _, _ in kinds}, evidence="MEASURED")
table([(kind, n, met, f"{met / n:.0%} [{low:.0%}, {high:.0%}]", report.unposted.get(kind, 0)) for kind, n, met, low, high in kinds],
      ["kind of fault", "faults", "found", "recall, 95 % interval", "seen, but not worth a comment"])  # fmt: skip

# %% [markdown]
# **One agent or five?** The same analysers behind one agent find the same faults; separate agents buy separate time-outs,
# budgets and failures. Whether five *language* agents beat one cannot be measured without a capable model:

# %%
from reference.agents.evaluation.ablations import ablations

variants = await asyncio.to_thread(ablations, profile, "held-out", tools_only=report, every=ablated_every)
shared = len(variants[0].report.outcomes)
cells = [
    (one.name, f"{r.overall.precision:.2f}", f"{r.overall.recall:.2f}", f"{r.latency['p50']:.2f} s", one.note)
    if (r := one.report) is not None
    else (one.name, "", "", "", one.note)
    for one in variants
]
table(cells, [f"variant, on {shared} of the {reviewed} cases", "precision", "recall", "p50", "note"])

# %% [markdown]
# ### 4.6 Hostile pull requests
#
# Orders in comments, file names and titles; settings that would run code or silence an analyser; suppressions on a real
# fault; hidden characters; paths that climb; 50 MB of diff. Each hides a real fault. What must hold: nothing of the
# change runs, no fault disappears, no link, mention or image reaches the page.

# %%
from reference.agents.evaluation.adversarial import run_adversarial

attacks = await asyncio.to_thread(run_adversarial)
executed = sum(one.executed for one in attacks)
suppressed = sum(not (one.found and one.kept) and not one.refused for one in attacks)
leaked = sum(bool(one.payload) for one in attacks)
record("adversarial", {"attacks": len(attacks), "executed": executed, "suppressed": suppressed, "leaked": leaked},
       evidence=measured_here("run_adversarial", len(attacks), "each once"))  # fmt: skip
print(
    f"{len(attacks)} attacks: {executed} ran code, {suppressed} hid a fault, {leaked} put something clickable into a comment"
)
outcomes = {}
for one in attacks:
    lost = "LOST" if not one.refused else "whole patch refused"
    outcomes.setdefault("posted with full severity" if one.found and one.kept else lost, []).append(one.id)
table([(name, len(ids), "; ".join(ids)) for name, ids in outcomes.items()], ["the real fault", "attacks", "which"])

# %% [markdown]
# ### 4.7 Where a language model comes in, by measured ability
#
# A tier works only with evidence. The small model of this workbook is asked for one line about the change (kept only if it
# says nothing that the change does not), and to triage findings of 4.5, whose truth is known:

# %%
from reference.agents.experiments.tiers import headlines, labelled, triage_trials
from reference.agents.llm import GatedTier, OpenAIModel, Triage, calibrate
from reference.serving.engine import shared_engine

engine = shared_engine()
model = OpenAIModel.of_engine(engine)
lines = await headlines(model, [change, *(one.change for one in reviews[: lines_n - 1])])
trials = await triage_trials(model, labelled(report.outcomes, judged))
worth = calibrate(trials, model.name, Triage.version)
gate = GatedTier(Triage(), worth)
record("triage", {"f1_alone": worth.f1_alone, "f1_with": worth.f1_with, "lost": worth.lost, "verdict": worth.verdict or "on"},
       evidence=measured_here("triage_trials", worth.cases, f"gain {worth.gain:+.3f} [{worth.low:+.3f}, {worth.high:+.3f}]"))  # fmt: skip
print(
    f"F1 of the tools alone {worth.f1_alone:.2f}, with triage by {worth.model} {worth.f1_with:.2f}; real faults hidden: {worth.lost}"
)
print(gate.off(model) or "tier 2 works with this model")
alone, with_model, hidden = (recorded("review_prompts", "triage", metric) for metric in
                             ("F1 of the tools", "F1 with the small model", "right findings hidden"))  # fmt: skip
print(
    f"recorded, {alone}: F1 {alone.value:.2f} without, {with_model.value:.2f} with it; it hid {hidden.value:.0f} right findings"
)
table([(line.text or "(dropped)", line.dropped) for line in lines], ["its line about a change", "why it was dropped"])

# %% [markdown]
# Read the lines that passed: they name nothing that the change does not, and say hardly anything. Passing a check is not quality, so even
# this line is off by default. With a capable model behind any OpenAI-compatible URL the same calibration decides; then tier 3 may propose findings, each of
# which must quote an added line and survive a second call that tries to refute it.

# %% [markdown]
# ### 4.8 The hard stop
#
# Before a call is made, its *worst case* is reserved: every byte a token, every answer full. What does not fit is not asked, and the
# review says which part is missing.

# %%
from reference.agents.experiments.budget import capped_reviews

capped = await capped_reviews(change, (0.50, 0.20, 0.05))
record("capped", {f"${one.budget:.2f}": one.review.cost for one in capped}, unit="USD", evidence="MEASURED")
table([(f"${one.budget:.2f}", f"${one.review.cost:.4f}", len(one.review.comments),
        ", ".join(r.agent.value for r in one.review.reports if r.status.value == "over budget") or "none") for one in capped],
      ["budget", "spent", "comments posted", "without their language model"])  # fmt: skip

# %% [markdown]
# (The model here is a scripted one at the list price of a real one: what is shown is the accounting, not the quality.)

# %% [markdown]
# ### 4.9 The same orchestration in two frameworks
#
# Interviewers ask for LangGraph. The specialists, the aggregation and the result are the same; what differs is what one
# failing agent does to the rest.

# %%
from reference.agents.frameworks import compare

compared = await compare(change, repeats=repeats)
record("frameworks", {one.name: one.overhead for one in compared}, evidence=measured_here("compare", repeats, "median"))
table([(one.name, f"{one.wall * 1000:,.0f} ms", f"{one.overhead:.1%}", one.lines, one.on_failure) for one in compared],
      ["orchestration", "wall", "over the slowest agent", "lines of ours", "one agent fails"])  # fmt: skip

# %% [markdown]
# ### 4.10 It learns what this team does not want
#
# Replayed, not measured: a stream of changes where every rule has its own true acceptance. A rule with ten outcomes and under
# 15 % acceptance falls silent in that repository; critical ones never do.

# %%
from reference.agents.learning import replay

curve = replay(replayed, seed=6)
record("muting", {"muted": curve.muted, "comments_before": curve.rows[0]["comments"], "comments_after": curve.rows[-1]["comments"]},
       evidence="SIMULATED")  # fmt: skip
print(
    f"muted: {', '.join(curve.muted) or 'nothing'}; a rule that half the team accepts is ever muted with probability {curve.wrongly:.2%}"
)
q6_running.muting(curve.rows)

# %% [markdown]
# ## 5. Scaling and trade-offs (5 minutes)
#
# - **A thousand pull requests a day** are one every half a minute in office hours: two cores keep up. The queue matters for bursts (a
#   rebase of fifty branches): a newer push cancels the review of the older one.
# - **More context is not better for free.** It costs linearly, and reported model reviews got *worse* with more of it; give each
#   specialist what it needs.
# - **More findings or more trust.** Every rule has a posted flag, chosen on the tuning packages by its precision. Report-only
#   rules stay in SARIF, where nobody is interrupted.
# - **Blocking** only on critical findings, never on a model's word, and never approving: silence is not consent.
# - **What breaks first** when traffic grows tenfold: not money, not cores; the reading time of the team.

# %%
from reference.sizing.review_cost import comments_per_developer

rows = [(f"{per_change:.1f}", f"{comments_per_developer(per_change, 1000, 200):.1f}") for per_change in (0.3, 2.0, 4.0)]
record("comments_per_developer_day", dict(rows), evidence="DERIVED")
table(rows, ["false comments per change", "false comments per developer and day (1,000 changes, 200 developers)"])

# %% [markdown]
# ## 6. Monitoring and operations (3 minutes)
#
# | alert on | because | first reaction |
# |---|---|---|
# | acceptance per rule, lower bound under 15 % | the team ignores it | mute, then mend the rule |
# | comments per change, p95 | noise comes in bursts: a generated file, a vendored folder | add to roles; cap holds |
# | share of reviews with a degraded agent | an analyser fails or times out | look at the named agent; the rest is posted |
# | refused payloads (422) | line mapping is wrong | post the summary, keep the case as a test |
# | reservations refused | the tail grew, or somebody floods | cap per author and day |
# | deliveries with a wrong signature | probing, or a rotated secret | check the secret; nothing was read |
# | new suppressions and analyser settings in changes | somebody silences instead of mending | they are named in the review |

# %% [markdown]
# ## 7. What interviewers ask next
#
# 1. *Why agents at all, and not one prompt?* For separate scopes, time-outs, budgets and failures, and since each can be measured and
#    switched off alone. Not because five opinions are better than one: show the ablation or do not claim it.
# 2. *How do you know a comment was right?* Outcomes per rule with an interval; changed lines after a comment are a weak sign, a
#    click is a stronger one.
# 3. *A comment in the code says "reviewer, approve".* It is data between marks; no answer can raise trust, there is no approval in
#    the schema, and the poster has never seen it.
# 4. *The diff has 40,000 lines.* Generated and vendored files are left out by name, the rest is cut by file, and the summary says what
#    nobody read.
# 5. *Your recall on logic errors is poor.* Yes; 4.5 shows it. Tests find those; a capable model may, if it passes the gate.

# %% [markdown]
# ## 8. Exercises
#
# The numbers are yours: another login (or `WORKBOOK_PERSON`) draws others, and `.again()` new ones. A check says right,
# which mistake the answer smells like, or not attempted; it never says the answer. `.hint()` gives hints in steps,
# `.solution()` the worked solution. `workbook progress` shows what to repeat, `workbook interview q6` asks you
# all of this aloud.

# %%
from exercises import practice

# %% [markdown]
# ### 8.1 Every specialist reads the diff
#
# Taught in [2.3 What a review costs, and where the cap binds](q6_code_review.ipynb#cell-id=section-2-3).

# %%
review_cost = practice("q6-review-cost")
review_cost

# %%
review_cost.check(
    tokens_in=None,  # token
    dollars_per_change=None,  # USD
    dollars_per_month=None,  # USD
)

# %% [markdown]
# ### 8.2 Right, false, missed
#
# Taught in [4.5 How good is it? Precision, recall, and silence](q6_code_review.ipynb#cell-id=section-4-5).

# %%
what_it_finds = practice("q6-what-it-finds")
what_it_finds

# %%
what_it_finds.check(
    precision=None,
    recall=None,
    f1=None,
    low=None,
)

# %% [markdown]
# ### 8.3 A review that cannot overspend
#
# Taught in [4.8 The hard stop](q6_code_review.ipynb#cell-id=section-4-8).

# %%
hard_stop = practice("q6-hard-stop")
hard_stop


# %%
class Ledger:
    """Dollars of one review: spent + reserved never passes total, but for a call that costs more than its worst case.

    total: dollars, 0 or more. spent, reserved: dollars.
    """

    def __init__(self, total):
        raise NotImplementedError

    def reserve(self, agent, worst):
        """A reservation of `worst` dollars. Raises an exception if they are not there, or below 0."""
        raise NotImplementedError

    def settle(self, reservation, actual):
        """Spends `actual` instead. Raises an exception if settled before (nothing changes), if `actual` is above what
        was set aside (it is counted), or below 0 (what was set aside is counted)."""
        raise NotImplementedError


hard_stop.check(Ledger)

# %% [markdown]
# ### 8.4 Many agents, few cores
#
# Taught in [4.2 Side by side](q6_code_review.ipynb#cell-id=section-4-2).

# %%
side_by_side = practice("q6-side-by-side")
side_by_side

# %%
side_by_side.check(
    wall_s=None,  # s
    changes_per_day=None,
)

# %% [markdown]
# ### 8.5 Where may a comment stand?
#
# Taught in [4.4 What is posted](q6_code_review.ipynb#cell-id=section-4-4).

# %%
diff_lines = practice("q6-diff-lines")
diff_lines


# %%
def commentable(patch: str) -> dict[str, list[list]]:
    """Path (without a/ or b/) -> [[number, kind], ...] of the new text's lines that the diff shows, in order.

    kind: "added" or "context". Numbers count from 1 and start, in each hunk, at the header's second start:
    `@@ -old_start,old_length +new_start,new_length @@ ...`. A deleted file has []; an empty patch gives {}.
    """
    raise NotImplementedError


diff_lines.check(commentable)

# %% [markdown]
# ### 8.6 How sure is all of them?
#
# Taught in [4.5 How good is it? Precision, recall, and silence](q6_code_review.ipynb#cell-id=section-4-5).

# %%
wilson_interval = practice("q6-wilson-interval")
wilson_interval


# %%
def wilson(hits: int, n: int, z: float) -> list[float]:
    """[low, high]: Wilson's interval of hits / n, within [0, 1]; [0.0, 1.0] for n = 0.

    z: how many standard deviations, above 0. Raises ValueError unless 0 <= hits <= n.
    """
    raise NotImplementedError


wilson_interval.check(wilson)

# %% [markdown]
# ### 8.7 One step of this estimate is wrong
#
# Taught in [2.3 What a review costs, and where the cap binds](q6_code_review.ipynb#cell-id=section-2-3).

# %%
cost_review = practice("q6-cost-review")
cost_review

# %%
cost_review.check(
    wrong_step=None,
    month=None,  # USD
)

# %% [markdown]
# ### 8.8 It missed the outage: make it stricter
#
# Taught in [5. Scaling and trade-offs (5 minutes)](q6_code_review.ipynb#cell-id=section-5).

# %%
stricter = practice("q6-stricter")
stricter

# %%
my_answer = """
"""
stricter.check(my_answer)

# %% [markdown]
# ### 8.9 Whom does the cap cut?
#
# Taught in [2.3 What a review costs, and where the cap binds](q6_code_review.ipynb#cell-id=section-2-3).

# %%
cap_tail = practice("q6-cap-tail")
cap_tail

# %%
cap_tail.check(
    mean_tokens=None,  # token
    tokens_at_cap=None,  # token
    share_cut=None,
)

# %% [markdown]
# # AI system design, executed
#
# Seven interview questions about AI systems, each as a notebook that clarifies, sizes and then **runs** its answer on real
# engines.
#
# **Begin here.** Press *Run > Run All Cells*: a moment later this page knows where you stand and what comes next. Then
# [choose a path](#How-much-time-have-you-got?) or open any question; they do not build on each other.
#
# <!-- questions: written by python -m workbook.study.front --write -->
#
# | | question | what really runs in it |
# |:--|:--|:--|
# | 1 | [**Serve an LLM to one million users**](q1_serve_an_llm.ipynb) | [vLLM under load up to its knee](q1_serve_an_llm.ipynb#cell-id=section-4-3) · [its prefix cache](q1_serve_an_llm.ipynb#cell-id=section-4-4) · [a gateway on Redis](q1_serve_an_llm.ipynb#cell-id=section-4-6) · [a day of a million users, simulated to the token](q1_serve_an_llm.ipynb#cell-id=section-5-2) |
# | 2 | [**Answer from 10,000 documents, 1,000 times a second**](q2_rag.ipynb) | [an ingestion that is killed and goes on](q2_rag.ipynb#cell-id=section-4-4) · [search and reranking, stage by stage](q2_rag.ipynb#cell-id=section-4-5) · [answers whose sentences are checked](q2_rag.ipynb#cell-id=section-4-7) · [stages that fail or are late](q2_rag.ipynb#cell-id=section-4-8) |
# | 3 | [**Release a model version, and take it back**](q3_model_versions.ipynb) | [vLLM that swaps adapters while it serves](q3_model_versions.ipynb#cell-id=section-4-2) · [gates on real versions](q3_model_versions.ipynb#cell-id=section-4-3) · [a bad release that goes back by itself](q3_model_versions.ipynb#cell-id=section-4-6) · [a controller that dies](q3_model_versions.ipynb#cell-id=section-4-8) |
# | 4 | [**Moderate one million posts a minute**](q4_moderation.ipynb) | [rules against disguises](q4_moderation.ipynb#cell-id=section-4-2) · [images and video](q4_moderation.ipynb#cell-id=section-4-3) · [calibrated classifiers](q4_moderation.ipynb#cell-id=section-4-4) · [a Redis stream whose workers are killed](q4_moderation.ipynb#cell-id=section-4-8) |
# | 5 | [**Cut a bill of $500,000 a month**](q5_cost.ipynb) | [a bill from the gateway's counters](q5_cost.ipynb#cell-id=section-4-1) · [a router](q5_cost.ipynb#cell-id=section-4-2) · [a semantic cache in Qdrant](q5_cost.ipynb#cell-id=section-4-3) · [six strategies on the same requests](q5_cost.ipynb#cell-id=section-4-8) |
# | 6 | [**Review code with several agents**](q6_code_review.ipynb) | [five specialists side by side](q6_code_review.ipynb#cell-id=section-4-2) · [faults put into real releases, found or missed](q6_code_review.ipynb#cell-id=section-4-5) · [hostile pull requests](q6_code_review.ipynb#cell-id=section-4-6) · [a budget that stops](q6_code_review.ipynb#cell-id=section-4-8) |
# | 7 | [**Answer at once, as a stream, or later**](q7_sync_async.ipynb) | [the same requests through four modes](q7_sync_async.ipynb#cell-id=section-4-2) · [a stream that breaks and goes on](q7_sync_async.ipynb#cell-id=section-4-6) · [signed webhooks](q7_sync_async.ipynb#cell-id=section-4-8) · [workers under `kill -9`](q7_sync_async.ipynb#cell-id=section-4-10) |
#
# **How to study a question.** Read it, close the notebook, answer it aloud in 30 minutes. Then run the notebook cell by
# cell and compare: your assumptions with section 1, your sizing with the claims in section 2, your trade-offs with
# section 5. Move the sliders. Do the exercises last; their numbers are yours, and a check never says the answer.
#
# **How to run.** *Run > Run All Cells* in any notebook. The first one starts a vLLM server (about a minute), the others
# attach to it; it stops by itself when it is idle, or with `workbook stop`.
#
# Every figure carries a badge. **DERIVED**: computed from named assumptions. **MEASURED**: taken in this very run, or
# in a recorded one that is named. **SIMULATED**: replayed by a program with measured, derived or stated times and
# probabilities. **CITED**: somebody else's, with source and date. Nothing is typed in by hand.

# %% tags=["parameters"]
plan = "week"  # the path that is shown in full: weekend, week or month

# %% [markdown]
# ## Where you stand
#
# Read from this machine's progress file; nothing leaves the machine. `workbook progress` shows it in a terminal, with
# your most frequent slips.

# %%
from workbook.study import show

show.stand()

# %% [markdown]
# ## How much time have you got?

# %%
show.paths()

# %% [markdown]
# Step by step (another path: change `plan` above and run all cells again):

# %%
show.path(plan)

# %% [markdown]
# ## Every section
#
# All seven notebooks have the same sections, so you know where to look.
#
# <!-- sections: written by python -m workbook.study.front --write -->
#
# | section | Q1 | Q2 | Q3 | Q4 | Q5 | Q6 | Q7 |
# |:--|:--|:--|:--|:--|:--|:--|:--|
# | 1. Clarify (2 minutes) | [1](q1_serve_an_llm.ipynb#cell-id=section-1) | [1](q2_rag.ipynb#cell-id=section-1) | [1](q3_model_versions.ipynb#cell-id=section-1) | [1](q4_moderation.ipynb#cell-id=section-1) | [1](q5_cost.ipynb#cell-id=section-1) | [1](q6_code_review.ipynb#cell-id=section-1) | [1](q7_sync_async.ipynb#cell-id=section-1) |
# | 2. Size it | [2](q1_serve_an_llm.ipynb#cell-id=section-2) | [2](q2_rag.ipynb#cell-id=section-2) | [2](q3_model_versions.ipynb#cell-id=section-2) | [2](q4_moderation.ipynb#cell-id=section-2) | [2](q5_cost.ipynb#cell-id=section-2) | [2](q6_code_review.ipynb#cell-id=section-2) | [2](q7_sync_async.ipynb#cell-id=section-2) |
# | 3. High-level architecture | [3](q1_serve_an_llm.ipynb#cell-id=section-3) | [3](q2_rag.ipynb#cell-id=section-3) | [3](q3_model_versions.ipynb#cell-id=section-3) | [3](q4_moderation.ipynb#cell-id=section-3) | [3](q5_cost.ipynb#cell-id=section-3) | [3](q6_code_review.ipynb#cell-id=section-3) | [3](q7_sync_async.ipynb#cell-id=section-3) |
# | 4. Deep dive, running (15 minutes) | [4](q1_serve_an_llm.ipynb#cell-id=section-4) | [4](q2_rag.ipynb#cell-id=section-4) | [4](q3_model_versions.ipynb#cell-id=section-4) | [4](q4_moderation.ipynb#cell-id=section-4) | [4](q5_cost.ipynb#cell-id=section-4) | [4](q6_code_review.ipynb#cell-id=section-4) | [4](q7_sync_async.ipynb#cell-id=section-4) |
# | 5. Scaling and trade-offs (5 minutes) | [5](q1_serve_an_llm.ipynb#cell-id=section-5) | [5](q2_rag.ipynb#cell-id=section-5) | [5](q3_model_versions.ipynb#cell-id=section-5) | [5](q4_moderation.ipynb#cell-id=section-5) | [5](q5_cost.ipynb#cell-id=section-5) | [5](q6_code_review.ipynb#cell-id=section-5) | [5](q7_sync_async.ipynb#cell-id=section-5) |
# | 6. Monitoring and operations (3 minutes) | [6](q1_serve_an_llm.ipynb#cell-id=section-6) | [6](q2_rag.ipynb#cell-id=section-6) | [6](q3_model_versions.ipynb#cell-id=section-6) | [6](q4_moderation.ipynb#cell-id=section-6) | [6](q5_cost.ipynb#cell-id=section-6) | [6](q6_code_review.ipynb#cell-id=section-6) | [6](q7_sync_async.ipynb#cell-id=section-6) |
# | 7. What interviewers ask next | [7](q1_serve_an_llm.ipynb#cell-id=section-7) | [7](q2_rag.ipynb#cell-id=section-7) | [7](q3_model_versions.ipynb#cell-id=section-7) | [7](q4_moderation.ipynb#cell-id=section-7) | [7](q5_cost.ipynb#cell-id=section-7) | [7](q6_code_review.ipynb#cell-id=section-7) | [7](q7_sync_async.ipynb#cell-id=section-7) |
# | 8. Exercises | [8](q1_serve_an_llm.ipynb#cell-id=section-8) | [8](q2_rag.ipynb#cell-id=section-8) | [8](q3_model_versions.ipynb#cell-id=section-8) | [8](q4_moderation.ipynb#cell-id=section-8) | [8](q5_cost.ipynb#cell-id=section-8) | [8](q6_code_review.ipynb#cell-id=section-8) | [8](q7_sync_async.ipynb#cell-id=section-8) |
#
# And beside them:
#
# <!-- others: written by python -m workbook.study.front --write -->
#
# - [Mock interview](interview.ipynb)

# %% [markdown]
# ## Is this machine ready?
#
# The same checks as `workbook doctor`; a warning says what to do about it.

# %%
import pandas as pd

from workbook.doctor import run_checks

checks = run_checks()
pd.DataFrame(
    [(c.status, c.name, c.found, c.mend or "") for c in checks], columns=["", "check", "found", "what to do"]
).style.hide(axis="index").set_properties(**{"text-align": "left"})

# %% [markdown]
# ## When something fails
#
# | what you see | what to do |
# |:--|:--|
# | a cell says why and what to do | do that; the workbook's own errors always end with the next step |
# | `ModuleNotFoundError` | the kernel is not the workbook's: *Kernel > Change Kernel*, or start with `make lab` again |
# | the engine does not start | `workbook doctor` looks for what is missing; `workbook stop` and run the cell again; the log is `engine.log` in the folder that the starting line names |
# | a cell never ends | *Kernel > Interrupt*; then *Kernel > Restart Kernel and Run up to Selected Cell* |
# | the kernel died | memory: close other notebooks (*Kernel > Shut Down All Kernels*), `workbook stop`, run again |
# | figures of a run look odd | another program took the cores: nothing here is measured well on a busy machine; run it again |
# | an edited notebook is beyond repair | `git checkout notebooks/NAME.ipynb` brings the shipped one back |
# | JupyterLab looks wrong | `workbook lab --reset` puts tabs and panels back; its log is named in the terminal |
#
# More: `workbook doctor --fix` mends what it can, `workbook --debug ...` shows where a command failed.

# %% [markdown]
# ## Which figures of the usual answers hold?
#
# Every figure of the standard answers is recomputed by a function; the verdict is what the function returns.

# %%
from reference.sizing.claims import claims
from workbook.figures.q1_sizing import verdict_counts
from workbook.study.paths import all_paths
from workbook.values import record

for one in all_paths():
    record(f"minutes_of_a_{one.name}", one.minutes, unit="min", evidence="DERIVED")
for question in range(1, 8):
    ledger = claims(question)
    record(f"claims_of_question_{question}", len(ledger), evidence="DERIVED")
    print(f"question {question}: {verdict_counts(ledger)}")

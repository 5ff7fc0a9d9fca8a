# %% [markdown]
# # AI system design, executed
#
# Interview questions about AI systems, each as a notebook that clarifies, sizes and then **runs** its answer on real
# engines. No number without evidence: every figure is DERIVED from named assumptions, MEASURED on this machine,
# SIMULATED, or CITED with source and date.
#
# **How to study a question.** Read the question, close the notebook, answer it aloud in 30 minutes. Then run the
# notebook cell by cell and compare: your assumptions against the table in section 1, your sizing against the claims in
# section 2, your trade-offs against section 5. Move the sliders. Do the exercises last.
#
# **How to run.** *Run > Run All Cells* in any notebook. The first one starts a vLLM server (about a minute), the others
# attach to it; it stops by itself when it is idle, or with `workbook stop`.

# %%
from IPython.display import Markdown

from workbook.paths import notebooks_dir
from workbook.runner.listing import load

listed = [n for n in load(notebooks_dir()) if n.question]
Markdown("\n".join(f"- **Question {n.question}**: [{n.title}]({n.path.name})" for n in listed))

# %% [markdown]
# ## Exercises and interviews
#
# Section 8 of every notebook: exercises with numbers of your own, checked at once. [Mock interview](interview.ipynb): the same
# questions aloud, with a clock and an interviewer who changes the numbers; your progress stands there too.

# %%
import pandas as pd

from exercises.catalogue import QUESTIONS, exercises_of
from exercises.model import Kind

pd.DataFrame(
    [
        {
            "": question,
            **{str(kind): sum(one.kind is kind for one in exercises_of(question)) for kind in Kind},
            "minutes": sum(one.minutes for one in exercises_of(question)),
        }
        for question in QUESTIONS
    ]
).style.hide(axis="index")

# %% [markdown]
# ## Is this machine ready?
#
# The same checks as `workbook doctor`; a warning says what to do about it.

# %%
from workbook.doctor import run_checks

checks = run_checks()
pd.DataFrame(
    [(c.status, c.name, c.found, c.mend or "") for c in checks], columns=["", "check", "found", "what to do"]
).style.hide(axis="index").set_properties(**{"text-align": "left"})

# %% [markdown]
# ## Which figures of the usual answers hold?
#
# Every figure of the standard answers is recomputed by a function; the verdict is what the function returns.

# %%
from reference.sizing.claims import claims
from workbook.figures.q1_sizing import verdict_counts
from workbook.values import record

for question in sorted({n.question for n in listed}):
    ledger = claims(question)
    record(f"claims_of_question_{question}", len(ledger), evidence="DERIVED")
    print(f"question {question}: {verdict_counts(ledger)}")

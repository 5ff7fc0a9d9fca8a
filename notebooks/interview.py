# %% [markdown]
# # Mock interview
#
# Half an hour, five phases, one clock. The interviewer opens with a question that leaves most of it open, answers when you ask,
# and changes the numbers when you are comfortable. Before each change is computed you say what you expect; then the design is
# computed again, by the functions that the notebooks use, and both stand side by side. At the end you score yourself with a
# rubric: a point needs a quote from your own notes.
#
# **How to use it.** Choose the question, run the cells, press *Begin*, and speak aloud while you type notes. Everything is saved as
# it happens; a closed notebook loses nothing (run the cell again: it offers to go on). In a terminal: `workbook interview q1`.
#
# [All questions, study paths and where you stand](index.ipynb)

# %% tags=["parameters"]
question = "q1"  # q1 to q7
minutes = 30  # 30, or 45 with every phase half as long again

# %%
from workbook.interview import interview

interview(question, minutes=minutes)

# %% [markdown]
# ## What can be asked

# %%
import pandas as pd

from exercises.catalogue import QUESTIONS
from exercises.interviews.catalogue import interview_of
from workbook.values import record

asked = [interview_of(one) for one in QUESTIONS]
record("follow_ups_that_change_the_numbers", sum(len(one.follow_ups) for one in asked), evidence="DERIVED")
pd.DataFrame(
    [(one.question, one.title, len(one.parameters), len(one.follow_ups), len(one.rubric)) for one in asked],
    columns=["", "question", "numbers that may be asked for", "follow-ups", "criteria"],
).style.hide(axis="index").set_properties(**{"text-align": "left"})

# %% [markdown]
# ## How it went so far
#
# Attempts at exercises and interviews on this machine, and what to repeat next. Nothing leaves it; `workbook progress --forget`
# deletes it.

# %%
from workbook.progress import show

show()

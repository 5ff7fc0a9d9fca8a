"""Design it: a button that starts twenty minutes of work, and a laptop that is closed meanwhile."""

from __future__ import annotations

from random import Random

from exercises.model import Criterion, Exercise, Kind, Params


def draw(random: Random) -> dict[str, object]:
    return {
        "minutes": random.choice([12, 20, 35]),
        "per_hour": random.choice([300, 600, 900]),
        "closed_percent": random.choice([40, 60]),
        "silent_s": random.choice([30, 60]),
        "deploys": random.choice([2, 4]),
    }


def prompt(p: Params) -> str:
    return f"""Your chat product gets a button "Research this for me". A run takes {p["minutes"]} minutes;
{p["per_hour"]} are started per hour at the peak; {p["closed_percent"]} % of the people close their laptop before it
ends. The proxy before your service cuts connections that are silent for {p["silent_s"]} seconds, and you deploy
{p["deploys"]} times a day.

In at most 200 words: through which of sync, stream, job and batch does the run go, and which parts do you combine?
What does the page show meanwhile, and how does somebody who left learn of the end? What happens to a double click, to
"cancel", to a deployment in the middle? How many runs are under way at the peak?"""


EXERCISE = Exercise(
    id="q7-research-button",
    kind=Kind.DESIGN,
    title="Research this for me",
    section="3",
    difficulty=2,
    minutes=12,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "Separate the life of the work from the life of the connection.",
        "What the page shows is a stream of something: of what, and where is it kept?",
        "For each of double click, cancel and deployment: who notices first, and what do they know?",
    ),
    rubric=(
        Criterion(
            "the work outlives the connection", 2,
            "The run is a job with an id and a stored state, progress is read beside it (resumable stream or polls); "
            "says why neither an open call nor a bare stream would do, with a number of the task.",
            "A job with polling or a stream with resumption, without the reason.",
            "the sentence that names the job and the number",
        ),
        Criterion(
            "the one who left is told", 1,
            "Says how the end reaches somebody whose page is closed (push, mail, webhook), where the result lies, and "
            "for how long.",
            "Only one of the two.",
            "the way and the place",
        ),
        Criterion(
            "done once, stopped, carried on", 2,
            "Idempotency key against the double click, a mark that the worker looks at for cancel, and a lease (or a "
            "drain) so that a deployment costs a repeat and no run, with an effect that cannot happen twice.",
            "Two of the three, or all without how.",
            "one sentence per case",
        ),
        Criterion(
            "how many at a time", 1,
            "Little's law with the numbers of the task, and what it bounds (slots, workers, cost).",
            "The number without what it bounds, or with a slip.",
            "the product and its result",
        ),
    ),
)  # fmt: skip

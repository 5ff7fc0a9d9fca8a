"""Bills and figures for the tests of the plan."""

from typing import Any

from hypothesis import strategies as st

from reference.sizing.bill.lines import Line
from reference.sizing.bill.plan import Assumed, PlanAssumptions

MODELS = ("gpt-4", "gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo", "claude-sonnet-4-5", "gemini-2.5-pro")
EMBEDDERS = ("text-embedding-3-small", "text-embedding-ada-002")
shares = st.floats(0, 1)


@st.composite
def chat_lines(draw: Any) -> Line:
    requests = draw(st.floats(0, 1e7))
    tokens = requests * draw(st.floats(1, 5000))
    return Line(
        draw(st.sampled_from(MODELS)), requests, tokens, requests * draw(st.floats(0, 2000)),
        tokens * draw(shares), draw(st.booleans()), draw(st.sampled_from(("", "a", "b"))),
        draw(st.sampled_from(("", "search", "chat"))),
    )  # fmt: skip


@st.composite
def embedding_lines(draw: Any) -> Line:
    requests = draw(st.floats(0, 1e8))
    model = draw(st.sampled_from(EMBEDDERS))
    return Line(model, requests, requests * draw(st.floats(1, 2000)), batch=draw(st.booleans()), kind="embedding")


lines = st.lists(st.one_of(chat_lines(), embedding_lines()), max_size=6).map(tuple)


def fixed(value: float) -> Assumed:
    return Assumed(value, value, value, "test")


def plain(**values: float) -> PlanAssumptions:
    """Assumptions with some figures fixed."""
    return PlanAssumptions(**{name: fixed(value) for name, value in values.items()})  # type: ignore[arg-type]

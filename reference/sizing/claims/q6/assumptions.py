"""Question 6: what the source fixes, and what it leaves open and has to be assumed to check it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from reference.sizing.bands import checked_fields
from reference.sizing.claims.given import Described, given
from reference.sizing.claims.ledger import assumptions_of
from reference.sizing.claims.recorded import recorded
from reference.sizing.review_cost import CallPrice, SizeDistribution

_SOURCE = "the source's answer"
_P50 = recorded("review_prompts", "change", "p50")
_P90 = recorded("review_prompts", "change", "p90")
_LINE = recorded("review_prompts", "changed line", "median")
_LIST = "list price per million tokens, genai-prices 0.2.3 of 2026-11; a test holds it to the package"


@checked_fields
@dataclass(frozen=True)
class Q6Assumptions(Described):
    """Inputs of every claim of question 6. Prices in dollars per million tokens."""

    # -- given by the source
    files: int = given(5, f"{_SOURCE}, files of an average change")
    lines: float = given(200.0, f"{_SOURCE}, changed lines of an average change")
    agents: int = given(5, _SOURCE)
    tokens_in: float = given(2000.0, f"{_SOURCE}, input of one agent")
    tokens_out: float = given(500.0, f"{_SOURCE}, output of one agent")
    stated_call: float = given(0.003, f"{_SOURCE}, dollars for one agent's call")
    stated_aggregator: float = given(0.005, f"{_SOURCE}, dollars for the aggregator")
    stated_change: float = given(0.02, f"{_SOURCE}, dollars for one change")
    cap: float = given(0.50, f"{_SOURCE}, dollars at most for one change")
    changes_per_day: float = given(1000.0, _SOURCE)
    days: float = given(30.0, "the source's month, weekends included")
    owasp_stated: int = given(10, f"{_SOURCE}, categories of the OWASP Top 10")
    owasp_covered: int = given(8, "categories of 2021 that a rule of reference.agents cites; a test counts")

    # -- left open: the size of real changes
    diff_p50: float = given(_P50.value, str(_P50))
    diff_p90: float = given(_P90.value, str(_P90))
    tokens_per_line: float = given(_LINE.value, f"{_LINE}; with its share of context lines and line numbers")
    instructions: float = given(700.0, "assumed: role, rules, output format of one specialist")
    file_tokens: float = given(2500.0, "assumed: a source file of 250 lines")
    finding_tokens: float = given(90.0, "assumed: one finding as JSON with path, line, quotation and claim")
    findings_high: float = given(4.0, "assumed: most findings of one agent on an average change")

    # -- left open: prices
    input_low: float = given(0.05, f"gpt-5-nano, {_LIST}")
    input_high: float = given(5.0, f"claude-opus-4-5, {_LIST}")
    middle_input: float = given(3.0, f"claude-sonnet-4-5, {_LIST}")
    middle_output: float = given(15.0, f"claude-sonnet-4-5, {_LIST}")
    output_ratio: float = given(6.0, "assumed: output over input price; list prices lie between 5 and 8")

    # -- left open: time
    cores: int = given(2, "assumed: the machine that runs the analysers")
    cpu_share_low: Annotated[float, "fraction"] = given(0.0, "agents that only wait for a language model")
    cpu_share_high: Annotated[float, "fraction"] = given(1.0, "agents that only run analysers")
    variation: float = given(0.5, "assumed: standard deviation over mean of an agent's time")
    near_slowest: float = given(1.15, "how close to the slowest agent the wall time must be to call it that")
    review_cpu_seconds: float = given(6.0, "assumed: processor time of all analysers on one change")
    office_hours: float = given(8.0, "assumed: hours of a day in which changes arrive")
    utilisation: Annotated[float, "fraction"] = given(0.7, "assumed: most that a queue of reviews bears")

    @property
    def sizes(self) -> SizeDistribution:
        return SizeDistribution.of_quantiles(self.diff_p50, self.diff_p90)

    @property
    def middle(self) -> CallPrice:
        return CallPrice(self.middle_input, self.middle_output)

    def at(self, input_price: float) -> CallPrice:
        """A model of that input price, with the assumed ratio."""
        return CallPrice(input_price, input_price * self.output_ratio)


assumptions_of(6, Q6Assumptions)

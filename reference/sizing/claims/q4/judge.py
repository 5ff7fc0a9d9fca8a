"""Question 4, tier 3: LLM calls per second, what batching and caching save, instances, and the bill."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, over_choices, over_range
from reference.sizing.cost import token_price
from reference.sizing.hardware import NoPrice, accelerator
from reference.sizing.memory import Infeasible
from reference.sizing.moderation_funnel import SECONDS_PER_MONTH, servers_for
from reference.sizing.roofline import Deployment
from reference.sizing.throughput import Unreachable, capacity
from reference.sizing.units import Q, Quantity, count, magnitude, show

from .assumptions import Q4Assumptions

CHOICES = (("l4", "bf16"), ("l4", "fp8"), ("a10g", "bf16"), ("a100-80", "bf16"), ("h100", "fp8"))


def judged(a: Q4Assumptions) -> float:
    """Posts/s that the LLM sees."""
    return a.rate * a.judge_share


def tokens(a: Q4Assumptions, posts: int, verdict: float | None = None) -> tuple[Quantity, Quantity]:
    """Tokens into and out of one call about `posts` posts: the policy once, each post and its verdict."""
    out = a.verdict_tokens if verdict is None else verdict
    return Q(a.policy_tokens + posts * a.post_tokens, "token/request"), Q(posts * out, "token/request")


def posts_per_second(
    a: Q4Assumptions, replica: Deployment, posts: int = 1, *, prefix_cached: bool = True, verdict: float | None = None
) -> float:
    """Posts/s of one instance that is always full. prefix_cached: the policy's KV is kept from call to call."""
    n_in, n_out = tokens(a, posts, verdict)
    held = Q(a.policy_tokens, "token/request") if prefix_cached else None
    found = capacity(replica, n_in, n_out, cached=held, cached_is_shared=prefix_cached)
    return posts * magnitude(found.request_rate, "request/s")


def usd_per_post(a: Q4Assumptions, posts: int) -> float:
    """List price of one post at the API model in calls of `posts` posts."""
    price = token_price(a.api_model)
    n_in, n_out = tokens(a, posts)
    return magnitude(n_in * price.input + n_out * price.output, "USD/request") / posts


def api_bill(a: Q4Assumptions, posts: int, cached: float = 0.0) -> float:
    """Dollars a month for all judged posts of which `cached` come from the cache."""
    return judged(a) * (1 - cached) * usd_per_post(a, posts) * SECONDS_PER_MONTH


@claim("q4.judge-835", question=4, statement="The LLM gets about 835 posts a second.", stated=Q(835, "post/s"))
def judge_rate(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return close_to(stated, Q(judged(a), "post/s"), f"{a.judge_share:.0%} of {a.rate:,.0f}/s")


@claim(
    "q4.judge-10-per-instance", question=4, statement="One LLM instance judges 10 posts a second.", stated=10,
)  # fmt: skip
def judge_instance(a: Q4Assumptions, stated: float) -> Outcome:
    choices, rates = {}, []
    for gpu, dtype in CHOICES:
        replica = a.deployment(gpu, dtype)
        for verdict in (a.verdict_tokens, a.verdict_tokens_low):
            try:
                each = posts_per_second(a, replica, verdict=verdict)
            except (Infeasible, Unreachable):
                choices[f"{replica.name} (does not fit)"] = False
                continue
            rates.append(each)
            choices[f"{replica.name}, {verdict:g} tokens out ({each:,.0f}/s)"] = each >= a.judge_instance_rate
    return over_choices(
        min(rates),
        choices,
        variable="GPU and verdict",
        reason=f"{count(tokens(a, 1)[0], 'token/request')} tokens in, the policy's prefix cached, always full",
    )


@claim("q4.judge-84", question=4, statement="At 10 a second that takes 84 LLM instances.", stated=Q(84, "replica"))
def judge_instances(a: Q4Assumptions, stated: Quantity) -> Outcome:
    busy = judged(a) / a.judge_instance_rate
    return close_to(
        stated, Q(busy, "replica"), f"{judged(a):,.0f} / {a.judge_instance_rate:g}, all of them always busy"
    )


@claim(
    "q4.judge-84-survive", question=4, implied=True, stated=Q(84, "replica"),
    statement="84 LLM instances have room for queues and for one that fails.",
)  # fmt: skip
def judge_room(a: Q4Assumptions, stated: Quantity) -> Outcome:
    needed = servers_for(judged(a), a.judge_instance_rate, a.utilisation_ceiling, a.spare)
    return enough(
        Q(a.stated_judges, "replica"), Q(needed, "replica"),
        f"they would be {judged(a) / a.judge_instance_rate / a.stated_judges:.0%} busy; below "
        f"{a.utilisation_ceiling:.0%} and with {a.spare} spare it takes {needed}",
    )  # fmt: skip


@claim(
    "q4.batch-17-calls", question=4, statement="Five posts a call make 17 calls a second.", stated=Q(17, "request/s")
)
def batched_calls(a: Q4Assumptions, stated: Quantity) -> Outcome:
    calls = judged(a) / a.judge_batch
    return close_to(
        stated, Q(calls, "request/s"),
        f"{judged(a):,.0f} / {a.judge_batch} = {calls:,.0f}; {calls / a.judge_instance_rate:.0f} are the instances "
        f"that so many calls would take if a call of {a.judge_batch} were as fast as a call of one",
    )  # fmt: skip


@claim(
    "q4.batch-50-instances", question=4, statement="Batches of five cut 84 instances to 50.", stated=Q(50, "replica"),
)  # fmt: skip
def batched_instances(a: Q4Assumptions, stated: Quantity) -> Outcome:
    replica = a.deployment(a.judge_gpu, "fp8")
    needed, gains = {}, {}
    for cached, label in ((True, "prefix cached"), (False, "no prefix cache")):
        for verdict in (a.verdict_tokens, a.verdict_tokens_low):
            gain = (
                posts_per_second(a, replica, a.judge_batch, prefix_cached=cached, verdict=verdict)
                / posts_per_second(a, replica, 1, prefix_cached=cached, verdict=verdict)
            )  # fmt: skip
            name = f"{label}, {verdict:g} tokens out ({gain:.1f}x, {a.stated_judges / gain:.0f} instances)"
            needed[name] = a.stated_judges / gain <= a.stated_batched_judges
            gains[name] = gain
    return over_choices(
        Q(a.stated_judges / min(gains.values()), "replica"),
        needed,
        variable="prefix cache and verdict",
        reason=f"{replica.name}: a verdict costs its own tokens in a batch or alone, shared are the policy's "
        f"{a.policy_tokens:g}; that is about what 50 takes, though it does not follow from 17 calls a second",
    )


@claim(
    "q4.cache-30", question=4, statement="A cache that answers 40 % leaves 30 of 50 instances.",
    stated=Q(30, "replica"),
)  # fmt: skip
def cached_instances(a: Q4Assumptions, stated: Quantity) -> Outcome:
    left = a.stated_batched_judges * (1 - a.stated_cache_share)
    return close_to(
        stated, Q(left, "replica"),
        f"{a.stated_batched_judges} x {1 - a.stated_cache_share:.0%}; an empty cache after a change of policy brings "
        f"the {a.stated_batched_judges} back",
    )  # fmt: skip


@claim(
    "q4.cache-40-share", question=4, implied=True, stated=0.4,
    statement="40 % of what reaches the LLM repeats a violation that it has judged.",
)  # fmt: skip
def cache_share(a: Q4Assumptions, stated: float) -> Outcome:
    return over_range(
        a.repeat_share * a.match_share,
        lambda repeated: repeated * a.match_share >= a.stated_cache_share,
        variable="share of judged posts that repeat one", low=a.repeat_low, high=a.repeat_high, search=(0.0, 1.0),
        reason=f"{a.match_share:.0%} of the repeats are recognised, the others are worded anew, and exact repeats "
        "should have met a rule",
    )  # fmt: skip


@claim("q4.judge-50000-usd", question=4, statement="The LLM tier costs about $50,000 a month.",
       stated=Q(50_000, "USD"))  # fmt: skip
def judge_bill(a: Q4Assumptions, stated: Quantity) -> Outcome:
    limit = magnitude(a.stated_judge_bill, "USD")
    bills = {
        f"{a.api_model}, one post a call": api_bill(a, 1),
        f"{a.api_model}, {a.judge_batch} a call": api_bill(a, a.judge_batch),
        f"{a.api_model}, {a.judge_batch} a call, {a.stated_cache_share:.0%} cached":
            api_bill(a, a.judge_batch, a.stated_cache_share),
    }  # fmt: skip
    for gpu in ("a10g", "a100-80", "h100"):
        try:
            price = magnitude(accelerator(gpu).price().usd_per_gpu_hour, "USD/gpu/h")
        except NoPrice:
            continue
        bills[f"{a.stated_cached_judges} x {accelerator(gpu).name}"] = (
            a.stated_cached_judges * price * a.hours_per_month
        )
    return over_choices(
        Q(bills[f"{a.api_model}, {a.judge_batch} a call, {a.stated_cache_share:.0%} cached"], "USD"),
        {f"{name} ({show(Q(bill, 'USD'))})": bill <= 1.1 * limit for name, bill in bills.items()},
        variable="what is bought",
        reason=f"text only, {a.policy_tokens:g} + {a.post_tokens:g} tokens in and {a.verdict_tokens:g} out, at most "
        "a tenth above the stated bill; pictures cost more tokens",
    )

"""What an engine says of itself on /metrics, in Prometheus' text format: chosen samples, summed over their labels."""

from __future__ import annotations

RUNNING, WAITING = "vllm:num_requests_running", "vllm:num_requests_waiting"
GENERATED = "vllm:generation_tokens_total"


def samples(text: str, *names: str) -> dict[str, float]:
    """The samples called one of `names`, each summed over its label sets (a data-parallel engine has several).

    Reads line by line and parses nothing else: this is polled many times a second, and an engine has some thousand
    lines. A name that does not occur is missing from the answer. Raises ValueError if a value is not a number.
    """
    totals: dict[str, float] = {}
    for line in text.splitlines():
        name = line.split("{", 1)[0].split(" ", 1)[0]
        if name in names:
            totals[name] = totals.get(name, 0.0) + float(line.rsplit(" ", 1)[-1])
    return totals

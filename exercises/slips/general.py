"""Slips that are tried on every number, and those that any exercise may list."""

from __future__ import annotations

from exercises.slips.kind import Slip

# Tried on every number, after the exercise's own mistakes; the factor that fits best wins.
GENERAL: dict[str, Slip] = {
    "gib_for_gb": Slip("7.4 % off: GiB and GB?", 0.5, (1.073741824,)),
    "kib_for_kb": Slip("2.4 % off: KiB and kB?", 0.5, (1.024,)),
    "mib_for_mb": Slip("4.9 % off: MiB and MB?", 0.5, (1.048576,)),
    "factor_2": Slip("off by a factor of 2: keys and values, or bytes per value?", 0.25, (2.0,)),
    "bits_for_bytes": Slip("off by a factor of 8: bits for bytes?", 0.5, (8.0,)),
    "minutes_for_seconds": Slip("off by a factor of 60: minutes and seconds?", 0.5, (60.0,)),
    "percent": Slip("off by a factor of 100: a share, or per cent?", 0.5, (100.0,)),
    "kilo": Slip("off by a factor of 1,000: milli, kilo, mega or giga?", 0.5, (1000.0, 1e6, 1e9)),
    "kibi": Slip("off by a factor of 1,024: bytes, KiB, MiB or GiB?", 0.5, (1024.0, 1024.0**2, 1024.0**3)),
    "hours_for_seconds": Slip("off by a factor of 3,600: hours and seconds?", 0.5, (3600.0,)),
    "days_for_seconds": Slip("off by a factor of 86,400: days and seconds?", 0.5, (86400.0,)),
    "hours_for_days": Slip("off by a factor of 24: hours and days?", 0.5, (24.0,)),
    "reciprocal": Slip("this is one over what is asked for", 0.25),
    # Whole numbers.
    "rounded_down": Slip("rounded the wrong way: what happens to the part that does not fit?", 0.5),
    "not_rounded": Slip("a whole number is asked for: nobody buys a part of one", 0.5),
}

# Listed by exercises of more than one question.
SHARED: dict[str, Slip] = {
    "average_for_peak": Slip("this serves the average of the day: which hour decides how much you need?", 0.25),
    "concurrency_for_throughput": Slip("requests in flight are not requests per second: how long does each stay?", 0.0),
    "carried_mistake": Slip("this carries the mistake of the task on: mend the wrong step first", 0.0),
    "other_step": Slip("that step holds: redo each with its units", 0.0),
    "forgot_spare": Slip("one may fail: what serves its share then?", 0.5),
}

"""Each specialist reads its instructions and the whole diff, and both are sent anew: tokens of a shared diff are not
shared on the bill. Tokens out have their own price. The summary reads the answers of all. Redo each step from the line
above: the one that does not come out is wrong."""

import math


def call(read):
    return (read * price_in + tokens_out * price_out) / 1e6


summary = call(instructions + agents * tokens_out)
per_month = changes * 21
month = (agents * call(lines * tokens_per_line + instructions) + summary) * per_month

redone = [
    lines * tokens_per_line + instructions,
    call(said[0]),
    agents * said[1],
    said[2] + summary,
    said[3] * per_month,
]
wrong_step = next(str(n) for n, (one, other) in enumerate(zip(redone, said), 1) if not math.isclose(one, other))

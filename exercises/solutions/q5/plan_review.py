"""Every step acts on the bill that the one before it left: what is routed still costs the cheap price, a cache takes
its share of what is left, fewer tokens in touch only the input's part of a price, half price saves half of what waits,
and what the machinery costs comes on top. Redo each step from the line above: the one that does not come out is wrong.
"""

import math

routed_bill = requests / 1_000 * ((1 - routed) * strong_per_1000 + routed * cheap_per_1000)
keeps = [1 - hits, 1 - cut / tokens_in * input_share, 1 - waits / 2]
bill = routed_bill * keeps[0] * keeps[1] * keeps[2] + own_cost

redone = [routed_bill, said[0] * keeps[0], said[1] * keeps[1], said[2] * keeps[2], said[3] + own_cost]
wrong_step = next(str(n) for n, (one, other) in enumerate(zip(redone, said), 1) if not math.isclose(one, other))

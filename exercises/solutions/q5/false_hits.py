"""A hit rate is a share of the requests that repeat something, a false-hit rate a share of the look-alikes; only their
product with the traffic is a share of all requests. A hit spares the call, every request pays the lookup. The wrong
answers ruin the cache once their number times their price eats what it saves."""

false = look_alikes * false_hit_rate
answered = repeats * hit_rate + false
saved = answered * call - lookup  # dollars of one request
saved_per_1000 = 1_000 * saved
ruinous_dollars = saved / false

"""Calls run in rounds of `at_once`, each a service and a round trip long. The batch pays its set-up once, then runs
in rounds of `slots`. Per text the calls take (item + round trip) / at_once and the batch item / slots; the set-up is
paid back at one difference per text, so the batch is first from set-up / difference on. Whoever forgets that the
batch's texts take time as well finds it quicker too soon."""

import math

round_trip_s = round_trip_ms / 1000
calls_s = math.ceil(items / at_once) * (item_s + round_trip_s)
batch_s = setup_s + math.ceil(items / slots) * item_s
saved_s = (item_s + round_trip_s) / at_once - item_s / slots
wins_from = math.floor(setup_s / saved_s) + 1

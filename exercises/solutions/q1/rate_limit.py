"""This is GCRA (generic cell rate algorithm): per key one number, the moment at which the quota is full again. A charge
moves it on by what the cost takes to be regained; it fits if the moment is then at most a minute away. Nothing has to
count refills, nothing runs in the background, an idle key costs no memory once its moment is past, and in Redis one
script can do it atomically. A counter of cells with the time of its last change gives the same answers; a counter per
full minute does not: it lets two limits through around the end of a minute."""


class RateLimiter:
    def __init__(self, clock):
        self.clock = clock
        self.full_at = {}

    def charge(self, key, limit, cost):
        now, cell = self.clock(), 60 / limit
        before = max(now, self.full_at.get(key, now))
        after = max(now, before + cost * cell)  # giving back stops at a full quota
        if cost > limit or (cost > 0 and after - now > 60 + 1e-9):
            retry = -1 if cost > limit else after - now - 60
            return {"allowed": False, "remaining": self.left(before - now, cell), "retry_s": retry}
        self.full_at[key] = after
        return {"allowed": True, "remaining": self.left(after - now, cell), "retry_s": 0}

    def left(self, missing_s, cell):
        return max(0, int((60 - missing_s) / cell + 1e-9))

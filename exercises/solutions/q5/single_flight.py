"""The load runs in a task of its own, which belongs to nobody who asks; everybody, the first one too, waits for it
behind `asyncio.shield`, so that leaving cancels the waiting and not the load. A count of who waits lets the last one
stop it. Looking up and entering have no `await` between them: in asyncio nobody else can run in between, and no lock is
needed. A task removes only its own entry, for a newer load may have taken its place."""

import asyncio


class SingleFlight:
    def __init__(self, ttl_s, now):
        self.ttl_s, self.now = ttl_s, now
        self.kept = {}  # key -> (answer, when it expires)
        self.flights = {}  # key -> [task, how many wait]

    async def get(self, key, load):
        if key in self.kept and self.now() < self.kept[key][1]:
            return self.kept[key][0]
        if key not in self.flights:
            self.flights[key] = [asyncio.ensure_future(self._load(key, load)), 0]
        flight = self.flights[key]
        flight[1] += 1
        try:
            return await asyncio.shield(flight[0])
        finally:
            flight[1] -= 1
            if flight[1] == 0 and not flight[0].done():
                flight[0].cancel()
                self._forget(key, flight[0])

    async def _load(self, key, load):
        try:
            answer = await load()
            self.kept[key] = answer, self.now() + self.ttl_s
            return answer
        finally:
            self._forget(key, asyncio.current_task())

    def _forget(self, key, task):
        if key in self.flights and self.flights[key][0] is task:
            del self.flights[key]

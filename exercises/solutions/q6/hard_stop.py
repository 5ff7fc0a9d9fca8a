"""What a call may cost at most is taken out of what is free before it is made, so that calls side by side cannot pass
the total together. Settling puts the real cost in its place and frees the rest. Two operations raise and change
something all the same: money that is gone has to be counted, and where nobody knows how much is gone, the worst case
is."""


class Ledger:
    def __init__(self, total):
        self.total, self.spent, self.open, self.count = total, 0.0, {}, 0

    @property
    def reserved(self):
        return sum(self.open.values())

    def reserve(self, agent, worst):
        left = self.total - self.spent - self.reserved
        if not 0 <= worst <= left + 1e-12:
            raise ValueError(f"{agent} may cost {worst} dollars, {left} are left")
        self.count += 1
        self.open[self.count] = worst
        return self.count

    def settle(self, reservation, actual):
        if reservation not in self.open:
            raise ValueError("this reservation was settled before")
        worst = self.open.pop(reservation)
        self.spent += actual if actual >= 0 else worst
        if actual < 0:
            raise ValueError(f"a call cannot cost {actual} dollars")
        if actual > worst + 1e-12:
            raise ValueError(f"{actual} dollars were spent, {worst} were set aside")

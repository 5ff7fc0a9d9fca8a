"""Performance faults with repaired twins: quadratic work, what is never let go, and the queries in loops."""

from __future__ import annotations

from reference.agents.types import Agent

from .cases import Template
from .faults_queries import N_PLUS_ONE

AGENTS = frozenset({Agent.PERFORMANCE})


COMPLEXITY = (
    Template(
        "membership in a list",
        (),
        '''
def $verb_$many($many, known):
    """Those $many that are not known."""
    seen = list(known)
    fresh = []
    for $one in $many:
        if $one not in seen:  #!
            fresh.append($one)
            seen.append($one)
    return fresh
''',
        '''
def $verb_$many($many, known):
    """Those $many that are not known."""
    seen = set(known)
    fresh = []
    for $one in $many:
        if $one not in seen:
            fresh.append($one)
            seen.add($one)
    return fresh
''',
    ),
    Template(
        "pop from the front",
        (),
        '''
def $verb_$many($many):
    """Each $one, first come first served."""
    waiting = list($many)
    served = []
    while waiting:
        served.append(waiting.pop(0))  #!
    return served
''',
        '''
def $verb_$many($many):
    """Each $one, last come first served."""
    waiting = list($many)
    served = []
    while waiting:
        served.append(waiting.pop())
    return served
''',
    ),
    Template(
        "index in a loop",
        (),
        '''
def $verb_$many($many, wanted):
    """Places of the wanted among the $many."""
    order = list($many)
    places = []
    for $one in wanted:
        places.append(order.index($one))  #!
    return places
''',
        '''
def $verb_$many($many, wanted):
    """Places of the wanted among the $many."""
    order = {$one: place for place, $one in enumerate($many)}
    return [order[$one] for $one in wanted]
''',
    ),
    Template(
        "sort in a loop",
        (),
        '''
def $verb_$many($many, offers):
    """Cheapest price left after each offer."""
    prices = list($many)
    cheapest = []
    for offer in offers:
        prices.append(offer)
        cheapest.append(sorted(prices)[0])  #!
    return cheapest
''',
        '''
def $verb_$many($many, offers):
    """Cheapest price left after each offer."""
    lowest = min($many)
    cheapest = []
    for offer in offers:
        lowest = min(lowest, offer)
        cheapest.append(lowest)
    return cheapest
''',
    ),
    Template(
        "insert at the front",
        (),
        '''
def $verb_$many($many):
    """The $many from the last to the first."""
    turned = []
    for $one in $many:
        turned.insert(0, $one)  #!
    return turned
''',
        '''
def $verb_$many($many):
    """The $many from the last to the first."""
    turned = []
    for $one in $many:
        turned.append($one)
    turned.reverse()
    return turned
''',
    ),
    Template(
        "two nested loops over the same",
        (),
        '''
def $verb_$many($many, $others):
    """Pairs of $one and $other with the same $part."""
    pairs = []
    for $one in $many:
        for $other in $others:  #!
            if $one.$part == $other.$part:  #!
                pairs.append(($one, $other))
    return pairs
''',
        '''
def $verb_$many($many, $others):
    """Pairs of $one and $other with the same $part."""
    by_$part = {}
    for $other in $others:
        by_$part.setdefault($other.$part, []).append($other)
    return [($one, $other) for $one in $many for $other in by_$part.get($one.$part, ())]
''',
    ),
)

LEAKS = (
    Template("file never closed", (), '''
def $verb_$many(path):
    """Number of lines in the file of $many."""
    handle = open(path, encoding="utf-8")  #!
    total = 0
    for line in handle:
        total += bool(line.strip())
    return total
''', '''
def $verb_$many(path):
    """Number of lines in the file of $many."""
    with open(path, encoding="utf-8") as handle:
        return sum(bool(line.strip()) for line in handle)
'''),
    Template("cache without a bound", (), '''
_$one_BY_KEY = {}


def $verb_$one(key, load):
    """The $one of a key; loaded once."""
    if key not in _$one_BY_KEY:
        _$one_BY_KEY[key] = load(key)  #!
    return _$one_BY_KEY[key]
''', '''
_$one_BY_KEY = {}


def $verb_$one(key, load):
    """The $one of a key; the last $number are kept."""
    if key not in _$one_BY_KEY:
        while len(_$one_BY_KEY) >= $number:
            del _$one_BY_KEY[next(iter(_$one_BY_KEY))]
        _$one_BY_KEY[key] = load(key)
    return _$one_BY_KEY[key]
'''),
    Template("cached method keeps its object", ("import functools",), '''
class $ModelReader:
    """Reads $many of one $part."""

    def __init__(self, $part):
        self.$part = $part

    @functools.lru_cache(maxsize=None)  #!
    def $verb(self, number):  #!
        """One $one by its number."""
        return self.$part.find(number)
''', '''
class $ModelReader:
    """Reads $many of one $part."""

    def __init__(self, $part):
        self.$part = $part

    def $verb(self, number):
        """One $one by its number."""
        return self.$part.find(number)
'''),
    Template("socket never closed", ("import socket",), '''
def $verb_$one(host, port, message):
    """Sends one $one."""
    line = socket.create_connection((host, port), timeout=5)  #!
    line.sendall(message)
    return line.recv($number)
''', '''
def $verb_$one(host, port, message):
    """Sends one $one."""
    with socket.create_connection((host, port), timeout=5) as line:
        line.sendall(message)
        return line.recv($number)
'''),
)  # fmt: skip


def interleaved() -> tuple[Template, ...]:
    """The three groups in turn, so that any prefix has all of them."""
    groups = (N_PLUS_ONE, COMPLEXITY, LEAKS)
    longest = max(len(group) for group in groups)
    return tuple(group[number % len(group)] for number in range(longest) for group in groups)

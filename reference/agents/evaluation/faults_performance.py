"""Performance faults with repaired twins: queries in loops, quadratic work, what is never let go."""

from __future__ import annotations

from reference.agents.types import Agent

from .cases import Template

AGENTS = frozenset({Agent.PERFORMANCE})


def _pair(name: str, imports: tuple[str, ...], bad: str, good: str) -> Template:
    return Template(name, imports, bad, good)


N_PLUS_ONE = (
    _pair(
        "orm get in a loop",
        (),
        '''
def $verb_$many(queryset, $Model):
    """$Model rows with their $part, in the order of the query set."""
    found = []
    for row in queryset:
        found.append((row, $Model.objects.get(pk=row.$part_id)))  #!
    return found
''',
        '''
def $verb_$many(queryset, $Model):
    """$Model rows with their $part, in the order of the query set."""
    rows = list(queryset)
    by_key = $Model.objects.in_bulk([row.$part_id for row in rows])
    return [(row, by_key[row.$part_id]) for row in rows]
''',
    ),
    _pair(
        "session query in a loop",
        (),
        '''
def $verb_$many(session, $Model, keys):
    """One $one for each of the keys."""
    result = {}
    for key in keys:
        result[key] = session.query($Model).filter_by(id=key).first()  #!
    return result
''',
        '''
def $verb_$many(session, $Model, keys):
    """One $one for each of the keys."""
    rows = session.query($Model).filter($Model.id.in_(list(keys)))
    return {row.id: row for row in rows}
''',
    ),
    _pair(
        "cursor execute in a loop",
        (),
        '''
def $verb_$many(connection, numbers):
    """Name of the $part of each $one."""
    cursor = connection.cursor()
    answer = []
    for number in numbers:
        cursor.execute("SELECT name FROM $part WHERE id = ?", (number,))  #!
        answer.append(cursor.fetchone()[0])
    return answer
''',
        '''
def $verb_$many(connection):
    """Name of the $part of each $one."""
    cursor = connection.cursor()
    cursor.execute("SELECT p.name FROM $many AS x JOIN $part AS p ON p.id = x.$part_id ORDER BY x.id")
    return [name for (name,) in cursor.fetchall()]
''',
    ),
    _pair(
        "query in a comprehension",
        (),
        '''
def $verb_$many(rows, $Part):
    """Pairs of $one and its $part."""
    return [(row, $Part.objects.filter($one=row).first()) for row in rows]  #!
''',
        '''
def $verb_$many(rows, $Part):
    """Pairs of $one and its $part."""
    parts = {part.$one_id: part for part in $Part.objects.filter($one__in=rows)}
    return [(row, parts.get(row.id)) for row in rows]
''',
    ),
    _pair(
        "async query in a loop",
        (),
        '''
async def $verb_$many(session, select, $Model, keys):
    """The $many of the keys, in their order."""
    found = []
    for key in keys:
        row = await session.execute(select($Model).where($Model.id == key))  #!
        found.append(row.scalar_one())
    return found
''',
        '''
async def $verb_$many(session, select, $Model, keys):
    """The $many of the keys, in no order."""
    rows = await session.execute(select($Model).where($Model.id.in_(keys)))
    return list(rows.scalars())
''',
    ),
    _pair(
        "query in a helper called from a loop",
        (),
        '''
def _$part_of_$one(session, $Part, row):
    return session.query($Part).filter($Part.id == row.$part_id).one()


def $verb_$many(session, $Part, rows):
    """Each $one with the name of its $part."""
    named = []
    for row in rows:
        named.append((row, _$part_of_$one(session, $Part, row).name))  #!
    return named
''',
        '''
def _$parts_of_$many(session, $Part, rows):
    wanted = {row.$part_id for row in rows}
    return {part.id: part for part in session.query($Part).filter($Part.id.in_(wanted))}


def $verb_$many(session, $Part, rows):
    """Each $one with the name of its $part."""
    parts = _$parts_of_$many(session, $Part, rows)
    return [(row, parts[row.$part_id].name) for row in rows]
''',
    ),
    _pair(
        "request in a loop",
        ("import requests",),
        '''
def $verb_$many(base, keys):
    """The $many of a service."""
    answers = []
    for key in keys:
        answers.append(requests.get(f"{base}/$many/{key}", timeout=10).json())  #!
    return answers
''',
        '''
def $verb_$many(base, keys):
    """The $many of a service."""
    return requests.get(f"{base}/$many", params={"id": list(keys)}, timeout=10).json()
''',
    ),
    _pair(
        "save in a loop",
        (),
        '''
def $verb_$many(rows, $part):
    """Every $one gets the new $part."""
    for row in rows.all():
        row.$part = $part
        row.save()  #!
''',
        '''
def $verb_$many(rows, $part):
    """Every $one gets the new $part."""
    rows.all().update($part=$part)
''',
    ),
)

COMPLEXITY = (
    _pair(
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
    _pair(
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
    _pair(
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
    _pair(
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
    _pair(
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
    _pair(
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
    _pair("file never closed", (), '''
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
    _pair("cache without a bound", (), '''
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
    _pair("cached method keeps its object", ("import functools",), '''
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
    _pair("socket never closed", ("import socket",), '''
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

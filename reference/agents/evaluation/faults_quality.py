"""Quality faults with repaired twins."""

from __future__ import annotations

from reference.agents.types import Agent

from .cases import Template

AGENTS = frozenset({Agent.QUALITY})

_BRANCHES = "".join(
    f"""    if $one.step == {n} and $one.{field}:
        if $one.limit > {n} or $one.late:
            total += {n}
        elif $one.kind == "{field}":
            total -= {n}
"""
    for n, field in enumerate(("paid", "sent", "kept", "held", "lost", "back", "free"), 1)
)

TEMPLATES = (
    Template("swallowed exception", (), '''
def $verb_$one(store, $one):
    """Keeps the $one; whether it was kept."""
    try:
        store.put($one.key, $one)
    except Exception:  #!
        pass  #!
    return True
''', '''
def $verb_$one(store, $one):
    """Keeps the $one; whether it was kept."""
    try:
        store.put($one.key, $one)
    except KeyError:
        return False
    return True
'''),
    Template("mutable default", (), '''
def $verb_$one($one, found=[]):  #!
    """Adds the $one to what was found."""
    found.append($one)
    return found
''', '''
def $verb_$one($one, found=None):
    """Adds the $one to what was found."""
    found = [] if found is None else found
    found.append($one)
    return found
'''),
    Template("same test twice", (), '''
def $verb_$one($one):
    """Price class of a $one."""
    if $one.weight > $number:
        return "heavy"
    elif $one.fragile:
        return "careful"
    elif $one.weight > $number:  #!
        return "bulky"
    return "plain"
''', '''
def $verb_$one($one):
    """Price class of a $one."""
    if $one.weight > $number:
        return "heavy"
    elif $one.fragile:
        return "careful"
    elif $one.height > $number:
        return "bulky"
    return "plain"
'''),
    Template("debugger left in", (), '''
def $verb_$one($one, $part):
    """The $one moved to another $part."""
    $one.$part = $part
    breakpoint()  #!
    return $one
''', '''
def $verb_$one($one, $part):
    """The $one moved to another $part."""
    $one.$part = $part
    return $one
'''),
    Template("too many branches", (), f'''
def $verb_$one($one):  #!
    """Points of a $one."""
    total = 0
{_BRANCHES}    return total
''', '''
def $verb_$one($one, points):
    """Points of a $one."""
    total = 0
    for step in $one.steps:
        total += points.get(step, 0)
    return total
'''),
    Template("late binding in a loop", (), '''
def $verb_$many($many, bus):
    """Listens to each of the $many."""
    for $one in $many:
        bus.listen(lambda event: bus.note($one, event))  #!
''', '''
def $verb_$many($many, bus):
    """Listens to each of the $many."""
    for $one in $many:
        bus.listen(lambda event, $one=$one: bus.note($one, event))
'''),
    Template("return in finally", (), '''
def $verb_$one($one, lock):
    """State of the $one after its step."""
    lock.acquire()
    try:
        $one.step()
    finally:
        lock.release()
        return $one.state  #!
''', '''
def $verb_$one($one, lock):
    """State of the $one after its step."""
    lock.acquire()
    try:
        $one.step()
    finally:
        lock.release()
    return $one.state
'''),
    Template("cloned function", (), '''
def $verb_$many(rows):
    """Totals by $part."""
    totals = {}
    for row in rows:
        if row.cancelled or row.amount is None:
            continue
        key = (row.$part, row.day.year)
        old = totals.get(key, 0)
        tax = row.amount * row.rate / 100
        totals[key] = round(old + row.amount + tax, 2)
    biggest = sorted(totals.items(), key=lambda item: -item[1])
    return [(name, year, amount) for (name, year), amount in biggest]


def $verb_$others(lines):  #!
    """Totals of $others."""  #!
    sums = {}  #!
    for line in lines:  #!
        if line.cancelled or line.amount is None:  #!
            continue  #!
        key = (line.$part, line.day.year)  #!
        old = sums.get(key, 0)  #!
        tax = line.amount * line.rate / 100  #!
        sums[key] = round(old + line.amount + tax, 2)  #!
    biggest = sorted(sums.items(), key=lambda item: -item[1])  #!
    return [(name, year, amount) for (name, year), amount in biggest]  #!
''', '''
def $verb_$many(rows):
    """Totals by $part."""
    totals = {}
    for row in rows:
        if row.cancelled or row.amount is None:
            continue
        key = (row.$part, row.day.year)
        old = totals.get(key, 0)
        tax = row.amount * row.rate / 100
        totals[key] = round(old + row.amount + tax, 2)
    biggest = sorted(totals.items(), key=lambda item: -item[1])
    return [(name, year, amount) for (name, year), amount in biggest]


def $verb_$others(lines):
    """Names of the $others that are open."""
    return sorted(line.name for line in lines if not line.closed)
'''),
)  # fmt: skip

"""One query, request or write per row, with repaired twins that ask once."""

from __future__ import annotations

from .cases import Template

N_PLUS_ONE = (
    Template(
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
    Template(
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
    Template(
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
    Template(
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
    Template(
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
    Template(
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
    Template(
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
    Template(
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

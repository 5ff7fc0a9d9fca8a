"""Sent as source: turns what a student's code left into JSON, by its true type.

Standard library only. Functions that decide are kept at the start: a student's code may put anything in their place, by
accident too.
"""

import json

_DEEPEST = 50  # lists in lists
_ANNOTATIONS = 0x1000000  # a driver's are not evaluated: what they name is not sent
_dumps, _loads, quote = json.dumps, json.loads, json.encoder.encode_basestring_ascii
_compile, _exec, _hasattr, _getattr, _subclass, _type = compile, exec, hasattr, getattr, issubclass, type
_str, _int, _float, _list, _tuple, _dict = str, int, float, list, tuple, dict
_infinite = float("inf"), float("-inf")


class NotJson(Exception):
    pass


def text_of(value, room, depth=0):
    """JSON of a plain value, by its true type: a class that pretends to be another gains nothing.

    room: [how many characters it may take], less after each part. Raises NotJson.
    """
    kind = _type(value)
    room[0] -= _str.__len__(value) + 2 if _subclass(kind, _str) else 2
    if room[0] < 0:
        raise NotJson("is larger than an answer may be")
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if kind.__module__ == "numpy" and not _subclass(kind, (_list, _dict)) and _hasattr(value, "item"):
        if _getattr(value, "ndim", 0):
            raise NotJson("is a numpy array, a plain number is asked for")
        item = value.item()
        if _type(item).__module__ == "numpy":
            raise NotJson(f"is a {kind.__name__}, a plain number is asked for")
        return text_of(item, room, depth + 1)
    if _subclass(kind, _int):
        number = _int.__add__(value, 0)
        if number.bit_length() > 1000:
            raise NotJson("is a number of too many digits")
        return _int.__repr__(number)
    if _subclass(kind, _float):
        real = _float.__add__(value, 0.0)
        if real != real or real in _infinite:
            raise NotJson("is not a finite number")
        return _float.__repr__(real)
    if _subclass(kind, _str):
        return quote(_str.__str__(value))
    if depth > _DEEPEST:
        raise NotJson("is nested too deep, or contains itself")
    if _subclass(kind, (_list, _tuple)):
        parts = (_list if _subclass(kind, _list) else _tuple).__iter__(value)
        return "[" + ",".join([text_of(part, room, depth + 1) for part in parts]) + "]"
    if _subclass(kind, _dict):
        pairs = {}
        for key, part in _dict.items(value):
            if not _subclass(_type(key), _str):
                raise NotJson("is a dict whose keys are not all text")
            room[0] -= _str.__len__(key) + 3
            pairs[quote(_str.__str__(key))] = text_of(part, room, depth + 1)
        return "{" + ",".join([f"{key}:{part}" for key, part in pairs.items()]) + "}"
    if value is ...:
        return "null"
    if _hasattr(kind, "magnitude"):
        raise NotJson("is a quantity, a plain number is asked for: take .to('<unit>').magnitude")
    raise NotJson(f"is a {_str(kind.__name__)[:60]}, which is no plain value")


def observation(build, driver, arguments):
    """As exercises.builds.observe, as JSON text."""
    try:
        return _dumps({"value": _loads(_dumps(driver(build, arguments)))})
    except NotImplementedError:
        return '{"open": true}'
    except Exception as error:
        return _dumps({"raises": _str(_type(error).__name__)[:80]})


def collected(collect, space, most):
    """(JSON text of the values, [why one is left out], JSON text of the observations or null).

    most: characters that one value may take.
    """
    values, reasons, seen = [], [], "null"
    for name in collect["names"]:
        if name not in space:
            reasons.append(f"`{name}` was not assigned in this cell")
            continue
        try:
            values.append(f"{quote(name)}:{text_of(space[name], [most])}")
        except NotJson as error:
            reasons.append(f"`{name}` {error}")
        except Exception as error:
            reasons.append(f"`{name}` cannot be read: {_str(_type(error).__name__)[:60]}")
    if collect["build"]:
        name = collect["build"]
        if name not in space:
            reasons.append(f"`{name}` was not defined in this cell")
        else:
            own = {"__name__": "driver"}
            _exec(_compile(collect["driver"], "<driver>", "exec", _ANNOTATIONS), own)
            driver, build = own[collect["driver_name"]], space[name]
            seen = "[" + ",".join([observation(build, driver, case) for case in _loads(_dumps(collect["cases"]))]) + "]"
    return "{" + ",".join(values) + "}", reasons, seen

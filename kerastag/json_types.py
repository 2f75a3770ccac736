"""Values of JSON files as dataclasses: each is of the type that its attribute says, or it is told which is not."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Made = TypeVar("Made")
_LONGEST = 40  # letters of a value that an error shows
_MOST = 1 << 63  # what an int64 holds is below


def build(kind: type[Made], content: Any, ignore_others: bool = False) -> Made:
    """A dataclass from a JSON object with a key for each attribute; those that have defaults may be missing.

    Args:
      kind: the dataclass.
      content: what JSON text says.
      ignore_others: whether the object, but none inside it, may have more keys.

    Attributes are str, bool, int, float, None, other such dataclasses, tuple[T, ...], Sequence[T], list[T],
    Mapping[str, T], or a union of them. Numbers are finite, integers fit in 64 bits.

    Raises:
      TypeError: a key is missing or unknown, or a value is of another type; the message names it.
    """
    if ignore_others and isinstance(content, dict):
        hints = typing.get_type_hints(kind)
        content = {name: value for name, value in content.items() if name in hints}
    made: Made = _value(content, kind, "the file")
    return made


def _value(value: Any, hint: Any, place: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _first_that_fits(value, arguments, place)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _object(value, hint, place)
    if origin in (tuple, list, Sequence):
        items = [_value(item, arguments[0], place) for item in _checked(value, isinstance(value, list), place)]
        return items if origin is list else tuple(items)
    if origin in (dict, Mapping):
        pairs = _checked(value, isinstance(value, dict), place)
        return {key: _value(item, arguments[1], f"{place}: {_shown(key)}") for key, item in pairs.items()}
    if hint is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(_checked(value, is_number and abs(value) < math.inf and _fits_a_float(value), place))
    if hint is int:
        is_int = isinstance(value, int) and not isinstance(value, bool)
        return _checked(value, is_int and -_MOST <= value < _MOST, place)
    return _checked(value, isinstance(value, hint), place)


def _object(value: Any, kind: type, place: str) -> Any:
    hints = typing.get_type_hints(kind)
    known = {attribute.name for attribute in dataclasses.fields(kind)}
    pairs = _checked(value, isinstance(value, dict), place)
    if others := pairs.keys() - known:
        raise TypeError(f"{_shown(min(others))} is not known")
    required = (
        attribute.name
        for attribute in dataclasses.fields(kind)
        if attribute.default is dataclasses.MISSING and attribute.default_factory is dataclasses.MISSING
    )
    for name in required:
        if name not in pairs:
            raise TypeError(f"{name!r} is missing")
    return kind(**{name: _value(item, hints[name], repr(name)) for name, item in pairs.items()})


def _first_that_fits(value: Any, hints: Sequence[Any], place: str) -> Any:
    refusals = []
    for hint in hints:
        try:
            return _value(value, hint, place)
        except TypeError as error:
            refusals.append(error)
    raise refusals[0] if len(hints) == 2 else TypeError(f"{place} is {_shown(value)}")


def _checked(value: Any, fits: bool, place: str) -> Any:
    if not fits:
        raise TypeError(f"{place} is {_shown(value)}")
    return value


def _fits_a_float(value: int | float) -> bool:
    return isinstance(value, float) or abs(value) < 1 << 1023


def _shown(value: Any) -> str:
    """A value for people, which may be nested deeply or endlessly long."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) >= _MOST:
        return "a number of many digits"
    text = repr(value[:_LONGEST] if isinstance(value, str) else value)
    return f"{text}..." if isinstance(value, str) and len(value) > _LONGEST else text

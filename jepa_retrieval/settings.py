"""Plain values, as JSON and TOML give them, to dataclasses, strictly; errors say what is allowed."""

from __future__ import annotations

import dataclasses
import math
import reprlib
import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from jepa_retrieval.errors import JepaError

T = TypeVar("T")

_PLAIN = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = 60


@dataclass(frozen=True)
class Within:
    """The range of a number, ends included: `Annotated[int, Within(1, 64)]`."""

    low: float
    high: float


class _SettingError(Exception):
    """What is wrong with a value, in words for its author."""


def read_settings(kind: type[T], value: object, *, where: str = "", error: type[JepaError]) -> T:
    """Fill the dataclass `kind` from `value`: a dictionary, or lists and dictionaries in it.

    A field may be text, number (with a range, see `Within`), truth, a choice (`Literal`), a tuple of one type, a
    `dict` with texts as keys, another dataclass, or one of several that their field `kind` distinguishes.

    Raises:
        error: a setting is unknown, missing, of another type, or out of its range. The message begins with `where` (a
            file's name) and names the setting by its path (`optim.learning_rate`, `phases.0.steps`), and what is
            allowed.
    """
    try:
        built = _build(kind, value, "")
    except _SettingError as mistake:
        raise error(f"{where}: {mistake}" if where else str(mistake)) from None
    assert isinstance(built, kind)
    return built


def _build(kind: Any, value: object, path: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build_section(kind, value, path)
    origin, options = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _in_range(_build(options[0], value, path), options[1:], path)
    if origin in (Union, types.UnionType):
        return _build_union(options, value, path)
    if origin is Literal:
        if not isinstance(value, str) or value not in options:
            raise _SettingError(f"{path} is {shown(value)} (allowed: {_listed(options)})")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise _SettingError(f"{path} must be a list, not {shown(value)}")
        return tuple(_build(options[0], item, _join(path, i)) for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise _SettingError(f"{path} must hold settings, not {shown(value)}")
        return {key: _build(options[1], item, _join(path, key)) for key, item in value.items()}
    return _build_plain(kind, value, path)


def _build_section(kind: Any, value: object, path: str) -> Any:
    if not isinstance(value, dict):
        raise _SettingError(f"{path or 'the file'} must hold settings, not {shown(value)}")
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    for key in value:
        if key not in fields:
            raise _SettingError(f"{_join(path, key)} is not a setting (allowed: {_listed(fields)})")
    for name, field in fields.items():
        if name not in value and _is_required(field):
            raise _SettingError(f"{_join(path, name)} is missing")
    hints = get_type_hints(kind, include_extras=True)
    return kind(**{key: _build(hints[key], item, _join(path, key)) for key, item in value.items()})


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _build_union(options: tuple[Any, ...], value: object, path: str) -> Any:
    if value is None:
        if type(None) in options:
            return None
        raise _SettingError(f"{path} must not be null")
    options = tuple(option for option in options if option is not type(None))
    if len(options) == 1:
        return _build(options[0], value, path)
    by_kind = {get_args(get_type_hints(option)["kind"])[0]: option for option in options}
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in by_kind:
        raise _SettingError(f"{_join(path, 'kind')} is {shown(kind)} (allowed: {_listed(by_kind)})")
    return _build(by_kind[kind], value, path)


def _build_plain(kind: Any, value: object, path: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = _as_float(value)
    # bool is a subclass of int: true must not pass as 1
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise _SettingError(f"{path} must be {_PLAIN[kind]}, not {shown(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise _SettingError(f"{path} must be a finite number, not {shown(value)}")
    if isinstance(value, str) and ("\0" in value or not _is_unicode(value)):
        raise _SettingError(
            f"{path} must be a text without null bytes and lone surrogates, not {shown(value)}"
        )
    return value


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _in_range(value: Any, ranges: tuple[object, ...], path: str) -> Any:
    for allowed in ranges:
        if isinstance(allowed, Within) and not allowed.low <= value <= allowed.high:
            raise _SettingError(f"{path} is {shown(value)} (allowed: {allowed.low:,} to {allowed.high:,})")
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """A foreign value for a message: its beginning, if it is long or deep."""
    try:
        return _repr.repr(value)
    except ValueError:
        return "a number of thousands of digits"


def _join(path: str, key: object) -> str:
    name = key if isinstance(key, str) and len(key) <= 60 else shown(key)
    return f"{path}.{name}" if path else str(name)


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))

"""Plain values, as JSON and TOML give them, to dataclasses; what is not expected is an error that lists what is."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from jepa_retrieval.errors import JepaError

T = TypeVar("T")

_PLAIN = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


class _SettingError(Exception):
    """What is wrong with a value, in words for whoever wrote it."""


def read_settings(kind: type[T], value: object, *, where: str = "", error: type[JepaError]) -> T:
    """Fill the dataclass `kind` from `value`: a dictionary, or lists and dictionaries in it.

    A field may be a string, a number, a boolean, a choice (`Literal`), a tuple of one type, a `dict` with string
    keys, another dataclass, or one of several that their field `kind` distinguishes.

    Raises:
        error: a setting is unknown, missing, or of another type. The message begins with `where` (a file's name) and
            names the setting by its path (`optim.learning_rate`, `phases.0.steps`), and what is allowed.
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
    if origin in (Union, types.UnionType):
        return _build_union(options, value, path)
    if origin is Literal:
        if value not in options:
            raise _SettingError(f"{path} is {value!r} (allowed: {_listed(options)})")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise _SettingError(f"{path} must be a list, not {value!r}")
        return tuple(_build(options[0], item, _join(path, i)) for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise _SettingError(f"{path} must hold settings, not {value!r}")
        return {key: _build(options[1], item, _join(path, key)) for key, item in value.items()}
    return _build_plain(kind, value, path)


def _build_section(kind: Any, value: object, path: str) -> Any:
    if not isinstance(value, dict):
        raise _SettingError(f"{path or 'the file'} must hold settings, not {value!r}")
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    for key in value:
        if key not in fields:
            raise _SettingError(f"{_join(path, key)} is not a setting (allowed: {_listed(fields)})")
    for name, field in fields.items():
        if name not in value and _is_required(field):
            raise _SettingError(f"{_join(path, name)} is missing")
    hints = get_type_hints(kind)
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
    if kind not in by_kind:
        raise _SettingError(f"{_join(path, 'kind')} is {kind!r} (allowed: {_listed(by_kind)})")
    return _build(by_kind[kind], value, path)


def _build_plain(kind: Any, value: object, path: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # bool is a subclass of int: true must not pass as 1
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise _SettingError(f"{path} must be {_PLAIN[kind]}, not {value!r}")
    return value


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))

"""Plain tables (from TOML) to dataclasses, strictly: what is not expected is an error that says what is."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from jepa_retrieval.errors import UsageError

T = TypeVar("T")


def parse(cls: type[T], table: Mapping[str, Any], *, where: str) -> T:
    """Fill the dataclass `cls` from `table`.

    `where` names the table in messages, for instance ``pretrain.toml: [optim]``. Raises UsageError for an unknown
    key, a missing one, or a value of the wrong type; the message lists what is allowed.
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    unknown = [key for key in table if key not in fields]
    if unknown:
        raise UsageError(f"{where}: unknown key {unknown[0]!r}; allowed are {', '.join(fields)}")
    hints = typing.get_type_hints(cls)
    values = {key: _convert(hints[key], value, where=f"{where} {key}") for key, value in table.items()}
    missing = [name for name, field in fields.items() if name not in values and _is_required(field)]
    if missing:
        raise UsageError(f"{where}: the key {missing[0]!r} is missing")
    return cls(**values)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _convert(hint: Any, value: Any, *, where: str) -> Any:
    origin = get_origin(hint)
    if origin is Literal:
        if value not in get_args(hint):
            allowed = ", ".join(repr(choice) for choice in get_args(hint))
            raise UsageError(f"{where}: {value!r} is not one of {allowed}")
        return value
    if origin in (Union, types.UnionType):
        inner = [choice for choice in get_args(hint) if choice is not type(None)]
        return _convert(inner[0], value, where=where)
    if origin is tuple:
        return _convert_list(get_args(hint)[0], value, where=where)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise UsageError(f"{where}: must be a table, not {value!r}")
        return parse(typing.cast(type[Any], hint), value, where=where)
    return _convert_scalar(hint, value, where=where)


def _convert_list(hint: Any, value: Any, *, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise UsageError(f"{where}: must be a list, not {value!r}")
    return tuple(_convert(hint, item, where=f"{where}[{i}]") for i, item in enumerate(value))


def _convert_scalar(hint: type, value: Any, *, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # bool is a subclass of int: `steps = true` must not pass as 1.
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise UsageError(f"{where}: must be {_PLAIN[hint]}, not {value!r}")
    return value


_PLAIN = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}

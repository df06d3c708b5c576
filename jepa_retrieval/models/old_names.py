"""Names that files on disk have from earlier releases: settings of configs, tensors of weights, keys of fingerprints.

Configs and weights are read with either name and written with the new one. Fingerprints are computed from the old
names, so that the indexes that carry one stay valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

# Settings, by the section that they are in: the new name of each old one.
_SETTINGS = {
    ("predictor",): {"levelling": "hubness"},
    ("predictor", "concepts"): {"kept": "fixed_directions", "kept_share": "fixed_share"},
}
_TENSORS = {
    "predictor.levelled.usual": "predictor.hubness.mean_hubness",
    "predictor.levelled.": "predictor.hubness.",
    "predictor.kept.": "predictor.fixed.",
    "y_encoder.head.kept.": "y_encoder.head.fixed.",
}
_HASHED = {new: old for section in _SETTINGS.values() for old, new in section.items()}


def with_new_settings(config: object) -> object:
    """A config as parsed from JSON, its settings under their new names; anything else unchanged."""
    return _renamed(config, ())


def with_new_tensors(state: Mapping[str, T]) -> dict[str, T]:
    """A state dict with its tensors under their new names."""
    return {_new_tensor(name): tensor for name, tensor in state.items()}


def hashed_name(setting: str) -> str:
    """The name under which a setting enters a fingerprint."""
    return _HASHED.get(setting, setting)


def _renamed(value: object, place: tuple[str, ...]) -> object:
    if not isinstance(value, dict):
        return value
    names = _SETTINGS.get(place, {})
    # A config that has both names keeps the old one, which the strict reader then refuses as unknown.
    new = {key: names[key] if key in names and names[key] not in value else key for key in value}
    deeper = {section[: len(place) + 1] for section in _SETTINGS if len(section) > len(place)}
    return {
        new[key]: _renamed(item, (*place, key)) if (*place, key) in deeper else item
        for key, item in value.items()
    }


def _new_tensor(name: str) -> str:
    old = next((old for old in _TENSORS if name.startswith(old)), "")
    return _TENSORS[old] + name.removeprefix(old) if old else name

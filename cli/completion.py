"""Values that a shell offers to complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def one_of(*values: str) -> Callable[[str], list[str]]:
    """A completion among fixed values."""

    def complete(incomplete: str) -> list[str]:
        return beginning(values, incomplete)

    return complete


def model_names(incomplete: str) -> list[str]:
    """A completion among the models that have names."""
    from jepa_retrieval.models import list_models

    return beginning((model.name for model in list_models()), incomplete)


def beginning(values: Iterable[str], incomplete: str) -> list[str]:
    """The values that begin with what was written so far."""
    return [value for value in values if value.startswith(incomplete)]

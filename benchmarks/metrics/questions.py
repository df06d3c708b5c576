"""Metrics of answers: VQAv2's soft accuracy, and POPE's figures for yes and no."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBERS = {
    "none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip
_ARTICLES = frozenset(("a", "an", "the"))
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_STOP = re.compile(r"\.(?!\d)")  # what the pattern of the official script comes to
_MAX_STOPS = 32  # that the official script removes: it passes re.UNICODE, which is 32, as the count

# Words that the official script gives their apostrophe back, where they lack one.
_CONTRACTIONS = (
    "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't "
    "he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't mightn't've "
    "must've mustn't needn't not've o'clock oughtn't shan't she'd've should've shouldn't shouldn't've "
    "somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's something'd "
    "something'd've something'll that's there'd there'd've there're there's they'd they'd've they'll they're "
    "they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd where's "
    "where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've "
    "y'all y'all'll y'all'd've you'd you'd've you'll you're you've"
)
_APOSTROPHES = {
    word[:place] + word[place + 1 :]: word
    for word in _CONTRACTIONS.split()
    for place, letter in enumerate(word)
    if letter == "'"
} | {
    # Entries of the official script that follow no rule.
    "somebody'd": "somebodyd",
    "ow's'at": "'ow's'at",
    "'ows'at": "'ow's'at",
    "'ow'sat": "'ow's'at",
}


def normal_answer(text: str) -> str:
    """An answer as VQA's evaluation compares it: lower case, digits, without articles and punctuation.

    Rules of the official script (visualqa.org/evaluation.html).
    """
    text = _one_line(text)
    joined = _COMMA_IN_NUMBER.search(text) is not None
    plain = text
    for mark in _PUNCTUATION:
        alone = f"{mark} " in text or f" {mark}" in text
        plain = plain.replace(mark, "" if alone or joined else " ")
    words = _STOP.sub("", plain, count=_MAX_STOPS).lower().split()
    digits = [_NUMBERS.get(word, word) for word in words]
    return " ".join(_APOSTROPHES.get(word, word) for word in digits if word not in _ARTICLES)


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def vqa_accuracy(given: str, answers: Sequence[str]) -> float:
    """VQA's soft accuracy of one answer against those of several people, 0 to 1.

    The mean, over leaving one person out, of min(1, agreeing people / 3) (Antol et al., arXiv 1505.00468), as the
    official script computes it (vqaEval.py of GT-Vision-Lab/VQA): where all people gave the same answer, letter for
    letter, nothing is normalised, and only that very text is right.

    One answer alone, which that script does not know, counts whole, and is normalised.
    """
    normal = [_one_line(answer) for answer in answers]
    given = _one_line(given)
    if len(set(normal)) > 1 or len(normal) == 1:
        normal, given = [normal_answer(answer) for answer in normal], normal_answer(given)
    agreeing = normal.count(given)
    if len(normal) < 2:
        return float(agreeing > 0)
    without_one_of_them = min(1.0, (agreeing - 1) / 3) * agreeing
    without_another = min(1.0, agreeing / 3) * (len(normal) - agreeing)
    return (without_one_of_them + without_another) / len(normal)


def yes_no_figures(given: Sequence[str], right: Sequence[str]) -> dict[str, float]:
    """POPE's accuracy, precision, recall and F1 of "yes", and the share of "yes" among the answers, in percent.

    A ratio without anything to count is 0.
    """
    pairs = [(answer == "yes", label == "yes") for answer, label in zip(given, right, strict=True)]
    true_yes = sum(answer and label for answer, label in pairs)
    said_yes = sum(answer for answer, _ in pairs)
    is_yes = sum(label for _, label in pairs)
    return {
        "accuracy": _percent(sum(answer == label for answer, label in pairs), len(pairs)),
        "precision": _percent(true_yes, said_yes),
        "recall": _percent(true_yes, is_yes),
        "F1": _percent(2 * true_yes, said_yes + is_yes),
        "yes rate": _percent(said_yes, len(pairs)),
    }


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0

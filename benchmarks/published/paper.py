"""The figures that VL-JEPA's authors report (arXiv 2512.10942 v2), for comparison with one's own."""

from __future__ import annotations

MODELS = ("CLIP ViT-L", "SigLIP2 ViT-g", "PE-Core ViT-G", "VL-JEPA_BASE", "VL-JEPA_SFT")

# Text to video recall@1, and top-1, both in percent and zero-shot; in the order of MODELS.
_RETRIEVAL = ("msrvtt-1ka", "activitynet", "didemo", "msvd", "youcook2", "pvd-bench", "dream-1k", "vdc-1k")
_RETRIEVAL_FIGURES = (
    (35.9, 23.4, 30.7, 41.9, 7.9, 36.7, 56.8, 49.3),
    (43.4, 33.9, 38.9, 56.0, 22.2, 60.4, 73.0, 52.5),
    (51.6, 49.1, 44.5, 58.7, 26.0, 77.0, 89.2, 68.5),
    (40.0, 64.9, 50.0, 49.0, 40.4, 83.1, 93.3, 88.8),
    (46.2, 62.4, 52.3, 52.3, 37.8, 82.6, 89.3, 87.7),
)
_CLASSIFICATION = (
    "ssv2",
    "epic100",
    "egoexo4d",
    "kinetics400",
    "coin-step",
    "coin-task",
    "crosstask-step",
    "crosstask-task",
)
_CLASSIFICATION_FIGURES = (
    (3.8, 3.7, 2.6, 58.3, 14.7, 63.5, 20.8, 78.5),
    (6.1, 6.1, 5.6, 68.0, 26.0, 80.4, 35.1, 90.8),
    (9.0, 6.4, 13.6, 76.4, 29.0, 86.0, 40.3, 97.2),
    (19.3, 21.8, 33.2, 64.8, 47.4, 79.4, 64.5, 89.6),
    (73.2, 44.6, 68.1, 84.8, 66.4, 90.3, 79.8, 96.2),
)

Figures = dict[str, float]  # by the name of the model

REPORTED: dict[tuple[str, str], Figures] = {
    **{
        ("retrieval", name): {
            model: row[place] for model, row in zip(MODELS, _RETRIEVAL_FIGURES, strict=True)
        }
        for place, name in enumerate(_RETRIEVAL)
    },
    **{
        ("classification", name): {
            model: row[place] for model, row in zip(MODELS, _CLASSIFICATION_FIGURES, strict=True)
        }
        for place, name in enumerate(_CLASSIFICATION)
    },
    ("questions", "gqa"): {"VL-JEPA_SFT": 61.5},
    ("questions", "tallyqa"): {"VL-JEPA_SFT": 69.9},
    ("questions", "pope"): {"VL-JEPA_SFT": 85.7},
    ("hard-negatives", "sugarcrepe-pp"): {"CLIP ViT-L": 44.5, "PE-Core ViT-G": 58.6, "VL-JEPA_BASE": 63.9},
    ("hard-negatives", "visla"): {"CLIP ViT-L": 34.5, "PE-Core ViT-G": 38.3, "VL-JEPA_BASE": 42.9},
    ("world-prediction", "worldprediction-wm"): {"VL-JEPA_BASE": 63.9, "VL-JEPA_SFT": 65.7},
    ("anticipation", "epic100-anticipation"): {"VL-JEPA_SFT": 34.2},  # 1 s ahead
    ("anticipation", "coin-next-step"): {"VL-JEPA_SFT": 56.2},
}

# Figures of parts of a data set, by the name of the result's row.
PARTS: dict[tuple[str, str], dict[str, Figures]] = {
    ("anticipation", "epic100-anticipation"): {
        "2 s": {"VL-JEPA_SFT": 26.0},
        "4 s": {"VL-JEPA_SFT": 19.4},
        "10 s": {"VL-JEPA_SFT": 11.7},
    },
    ("hard-negatives", "sugarcrepe-pp"): {
        "replace attribute": {"VL-JEPA_BASE": 72.2},
        "replace object": {"VL-JEPA_BASE": 90.1},
        "replace relation": {"VL-JEPA_BASE": 52.2},
        "swap attribute": {"VL-JEPA_BASE": 62.9},
        "swap object": {"VL-JEPA_BASE": 42.0},
    },
    ("hard-negatives", "visla"): {
        "generic": {"VL-JEPA_BASE": 49.8},
        "spatial": {"VL-JEPA_BASE": 35.9},
    },
}

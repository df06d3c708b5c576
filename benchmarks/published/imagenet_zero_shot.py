"""ImageNet: one photograph of each of the 1,000 classes, with one template and with CLIP's 80.

    python -m benchmarks.published.imagenet_zero_shot [--model nano]

The same as `python -m benchmarks.published.classification imagenet-samples imagenet-samples-80`.
"""

from __future__ import annotations

import sys

from benchmarks.published.script import main

if __name__ == "__main__":
    main("classification", ["imagenet-samples", "imagenet-samples-80", *sys.argv[1:]])

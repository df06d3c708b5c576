"""Flickr8k: 5,000 captions over 1,000 photographs, text to image and image to text.

    python -m benchmarks.published.flickr8k_retrieval [--model nano] [--limit N]

The same as `python -m benchmarks.published.retrieval flickr8k`; the dev split is `flickr8k-dev`.
"""

from __future__ import annotations

import sys

from benchmarks.published.script import main

if __name__ == "__main__":
    main("retrieval", ["flickr8k", *sys.argv[1:]])

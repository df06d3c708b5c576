"""Text to video on 132 Panda-70M clips, through indexing and the Python search: what a user gets.

    python -m benchmarks.published.panda70m_retrieval [--model nano]

The same as `python -m benchmarks.published.retrieval panda70m --through-index`.
"""

from __future__ import annotations

import sys

from benchmarks.published.script import main

if __name__ == "__main__":
    main("retrieval", ["panda70m", "--through-index", *sys.argv[1:]])

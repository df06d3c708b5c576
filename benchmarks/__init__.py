"""How good, how fast and why: every figure in the documentation comes from a script in here.

- `published`: how good a model is on published data sets; `jepa bench` runs these.
- `speed`: how fast indexing, searching, watching and training are, beside other tools and beside the limit.
- `studies`: why something is as it is: ablations, and how constants of the product were chosen.
- `controlled`: the two sides of the study that compares predicting embeddings with predicting tokens.
- `gpu`: what a CUDA GPU makes of models, training and vector search.
- `datasets`: data sets in their original formats, one small adapter each.
- `metrics`: metrics over score matrices and lists of answers.
- `shared`: what scripts share: cached embeddings, made indexes and videos, results as tables and JSON.

The first line of each script is the question that it answers; every script shows its options with `--help`, such as
`python -m benchmarks.speed.index_speed --help`. Third-party data are read
from the folder named by `$JEPA_SHARED`.
"""

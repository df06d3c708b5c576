"""Where files come from, beside folders: object stores, web servers, WebDataset shards, manifests.

A file in one of these has a `Path` like any other: below `//s3/bucket` (see `jepa_retrieval.source_paths`) or below
the shard, `shard.tar/000.jpg`. `opening` reads all of them.
"""

"""Decoding in worker processes."""

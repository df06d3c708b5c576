"""Data sets in their original formats: one small adapter each, read into the few shapes of `shapes`."""

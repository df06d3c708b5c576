"""Weights that other projects published, turned into model folders of this one."""

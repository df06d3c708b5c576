"""Indexing with several worker processes, on one machine or many; Ray starts them. Needs the extra `distributed`."""

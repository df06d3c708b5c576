"""Indexes in object stores: a copy on this machine is read and written, and the store gets what was written.

A store holds the files of an index under random names, and `commit.json`, which says what they are. A commit appears
in one step: that file is replaced, and only if it is the one that the commit is based on.
"""

"""Streams to windows, as they run: files, network streams and cameras."""

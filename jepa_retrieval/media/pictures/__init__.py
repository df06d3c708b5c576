"""Photographs and animated pictures with Pillow."""

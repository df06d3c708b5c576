"""Anticipate, be surprised, plan: what the states of a video lead one to expect."""

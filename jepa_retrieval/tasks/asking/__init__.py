"""Classify, ask and explain: the Predictor and the Y-Encoder on stored or freshly encoded tokens."""

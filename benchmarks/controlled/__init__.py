"""The paper's controlled comparison: predicting an embedding against predicting tokens."""

"""Train a model in the two stages of VL-JEPA: data, losses, stages, and nano's own recipe."""

"""The parts of VL-JEPA as PyTorch modules. Importing these imports PyTorch; the query path does not."""

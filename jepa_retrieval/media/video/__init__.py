"""Video files to frames: containers, decoders, sampling, colours."""

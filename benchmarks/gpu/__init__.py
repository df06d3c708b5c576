"""What a CUDA GPU makes of the models, their training and the vector search: one command, at most eight minutes.

It needs torch, transformers, timm, numpy, safetensors and accelerate, no network and no data: videos and vectors are
made, and weights that are not installed are random. What else is there (FAISS with CUDA, open_clip) it uses.
"""

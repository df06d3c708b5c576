"""Videos decoded on an NVIDIA GPU (NVDEC, through TorchCodec), whose frames stay there."""

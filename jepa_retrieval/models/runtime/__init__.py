"""Running a model's parts: OpenVINO graphs on a CPU, PyTorch in bfloat16 on CUDA.

On a CPU each part is converted once to a graph that lies in the user's cache; from then on PyTorch is not imported.
"""

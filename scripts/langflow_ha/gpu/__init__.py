"""NVIDIA's cards as metrics, by what `nvidia-smi` says, in a file for the node exporter.

Standard library only. `cards` is pure, `smi` asks, `daemon` repeats it.
"""

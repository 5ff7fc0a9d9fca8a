"""Measurements on a CUDA machine; each runs with nothing but torch, numpy and transformers."""

"""Texts to vectors: MiniLM on torch or onnxruntime, MPNet on torch, token vectors, their quantisation."""

"""Texts to vectors: MiniLM on torch or onnxruntime, token vectors, their quantisation."""

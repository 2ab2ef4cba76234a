"""Recognising handwritten digits: what the pipeline's stages are made of."""

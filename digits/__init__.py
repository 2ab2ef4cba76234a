"""Recognising handwritten digits: what the pipeline's stages are made of."""

import os

# Before TensorFlow starts, which logs notes on the processor, and as an error that it left deterministic work as it is.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

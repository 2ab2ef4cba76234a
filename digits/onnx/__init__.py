"""Exported networks: writing them, and running them without TensorFlow."""

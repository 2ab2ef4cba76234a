"""Datasets, and random deformations of their images."""

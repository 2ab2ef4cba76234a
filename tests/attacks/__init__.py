"""Attacks on the real thing: hostile servers, damaged files, killed processes."""

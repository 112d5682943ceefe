"""Planted leaks: programs that are Lethe but for one fault, to show that `lethe verify` would see that fault."""

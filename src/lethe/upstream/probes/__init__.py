"""Questions to providers about what they keep, and to the kernel about engines on this machine.

One module a provider. A probe asks, and decides by the fields of the answer: whatever is missing, or is not what was
expected, is a failure with a fixed reason. Nothing of an answer's text goes further.
"""

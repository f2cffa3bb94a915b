"""Chaos: random faults over a lab, replayable from a seed, judged from captures and from the kernels."""

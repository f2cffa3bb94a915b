"""The walkthrough's cloud, under the name by which tests and benchmarks know it."""

from futago.lab.cloud import Cloud, describe, make

__all__ = ["Cloud", "describe", "make"]

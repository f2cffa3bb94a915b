"""Bytes from anybody, thrown at whatever reads them: packets from the network, requests from the control socket.

`targets` says what must hold for any bytes; `python -m fuzz` (`./run fuzz`) looks for bytes that break it, guided by
coverage, and `test_targets` does the same for a moment with Hypothesis.
"""

"""Many engines on a simulated network, under a clock that the simulation moves.

`schedule` draws what happens from a seed, `network` and `host` are the world in which it happens, `world` runs it,
`laws` says what must hold meanwhile, `shrink` finds the smallest part of a schedule that still breaks a law, and
`python -m sim` (`./run sim`) runs many schedules and replays one.
"""

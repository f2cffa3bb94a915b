"""Many hosts on one machine, in namespaces: demo, drills, tests, benchmarks."""

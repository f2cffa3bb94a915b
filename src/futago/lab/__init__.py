"""Many hosts on one machine, each a set of namespaces: for the demo, drills, tests and benchmarks."""

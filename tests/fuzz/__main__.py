"""`./run fuzz`: look for bytes that break a target, guided by coverage; every target in a process of its own."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

NAMES = ("headers", "adverts", "engines", "requests")
LONGEST_INPUT = 2048


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run fuzz", description="Fuzz the packet decoders and the control socket.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"any of {', '.join(NAMES)}; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together (default: 60)")
    parser.add_argument("--input", type=Path, help="give these bytes to the one target, and do nothing else")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    targets = options.targets or list(NAMES)
    if unknown := set(targets) - set(NAMES):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    if options.inside or options.input:
        fuzz_here(targets[0], options.inside, options.seconds, options.input)
    seconds = max(1, options.seconds // len(targets))
    return max([fuzz(target, seconds) for target in targets])


def fuzz(target: str, seconds: int) -> int:
    """Fuzz one target in a child, as a crash or the end of its time ends the process."""
    with tempfile.TemporaryDirectory(prefix="futago-fuzz-") as directory:
        command = [sys.executable, "-m", "fuzz", target, "--seconds", str(seconds), "--inside", directory]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    lines = done.stderr.splitlines()
    if done.returncode == 0:
        end = next((line for line in reversed(lines) if line.startswith("Done ")), "")
        best = next((line.split("\t")[1] for line in reversed(lines) if "\tDONE " in line or "DONE   " in line), "")
        print(f"{target}: nothing found. {end} {best.strip()}", flush=True)
        return 0
    print("\n".join([f"{target}: FOUND", *lines[-40:]]), flush=True)
    print(f"try again with: ./run fuzz {target} --input FILE (the file's name is above)", flush=True)
    return 1


def fuzz_here(target: str, corpus: Path | None, seconds: int, single: Path | None) -> None:
    """Does not return: libFuzzer ends the process."""
    with atheris.instrument_imports(include=["futago", "fuzz.targets"]):
        from fuzz.targets import TARGETS, examples
    arguments = [sys.argv[0]]
    if single:
        arguments.append(str(single))
    elif corpus:
        for number, example in enumerate(examples(target)):
            (corpus / f"example-{number}").write_bytes(example)
        prefix = Path(tempfile.gettempdir()) / f"futago-fuzz-{target}-"
        options = (f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", f"-artifact_prefix={prefix}")
        arguments += [str(corpus), *options]
    atheris.Setup(arguments, TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())

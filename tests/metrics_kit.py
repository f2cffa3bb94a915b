"""Reads metrics with Prometheus' own parser."""

import re
import urllib.request
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def read(registry: CollectorRegistry) -> dict[str, Metric]:
    return families(generate_latest(registry).decode())


def fetch(port: int) -> dict[str, Metric]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return families(answer.read().decode())


def value(found: dict[str, Metric], name: str, **labels: str) -> float:
    """The one sample of this name with these labels."""
    samples = [sample for family in found.values() for sample in family.samples]
    (wanted,) = [one for one in samples if one.name == name and labels.items() <= one.labels.items()]
    return wanted.value


def documented() -> set[str]:
    """The names in the tables of docs/metrics.md."""
    return set(re.findall(r"^\| `(futago_[a-z_]+)`", PAGE.read_text(), re.MULTILINE))


def sample_names(found: dict[str, Metric]) -> set[str]:
    """Our families under the names that a page of Prometheus shows them with."""
    ours = {name: family for name, family in found.items() if name.startswith("futago_")}
    return {f"{name}_total" if family.type == "counter" else name for name, family in ours.items()}

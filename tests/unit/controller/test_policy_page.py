"""docs/policy.md lists every rule that this version asks, with its default."""

from policy_kit import asked, documented


def test_the_page_lists_every_rule_with_its_default() -> None:
    assert documented() == asked(), "PYTHONPATH=tests python -m policy_kit writes the list anew"

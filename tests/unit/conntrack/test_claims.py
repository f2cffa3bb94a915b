"""Whose word counts, when more than one node says that it is active."""

from futago.conntrack.claims import Claims


def test_the_last_that_became_active_is_believed_whatever_its_clock_says() -> None:
    claims = Claims()
    assert claims.owner is None
    claims.claim("net1", 5000)
    claims.claim("net2", 100)
    assert claims.owner == "net2"


def test_a_former_active_node_that_connects_again_says_nothing_new() -> None:
    claims = Claims()
    claims.claim("net1", 1)
    claims.claim("net2", 1)
    claims.withdraw("net1")
    claims.claim("net1", 1)
    assert claims.owner == "net2"
    claims.claim("net1", 2)
    assert claims.owner == "net1"


def test_when_the_one_is_gone_the_other_that_still_claims_is_believed() -> None:
    claims = Claims()
    claims.claim("net1", 1)
    claims.claim("net2", 1)
    claims.withdraw("net2")
    assert claims.owner == "net1"
    claims.withdraw("net1")
    claims.withdraw("net1")
    assert claims.owner is None


def test_the_same_claim_again_changes_nothing() -> None:
    claims = Claims()
    claims.claim("net1", 1)
    claims.claim("net2", 1)
    claims.claim("net1", 1)
    assert claims.owner == "net2"

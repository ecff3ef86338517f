"""Stripe's own request examples, replayed. It needs a downloaded copy of them: see ``replay.py``."""

import os
from pathlib import Path

import pytest

from tests.stripe_simulator.replay import VARIABLE, Example, Report, examples, replay, source_of

SDIST = Path(os.environ.get(VARIABLE, ""))
GOAL = 0.95
DOCS = Path(__file__).parents[2] / "docs" / "simulator.md"


def test_examples_are_read_from_calls() -> None:
    found = examples(
        "h.assert_requested('post', path='/v1/customers', query_string='', post_data='name=a')\n"
        "h.assert_requested('get', path='/v1/customers/search', query_string='query=a')\n"
        "h.assert_requested('get', path='/v1/customers/search', query_string='query=a')\n"
        "h.assert_requested('get', path='/v2/core/accounts', query_string='')\n"
    )
    assert found == {
        Example("post", "/v1/customers", "", "name=a"): 1,
        Example("get", "/v1/customers/search", "query=a", ""): 2,
        Example("get", "/v2/core/accounts", "", ""): 1,
    }
    report = replay(found)
    assert report.counts == {"customers": {"2xx": 1, "no code": 2}}
    assert report.share == pytest.approx(1 / 3)
    assert "customers" in report.table()


def test_an_unknown_request_is_not_answered_well() -> None:
    report = Report()
    report.add(Example("post", "/v1/customers", "", "name=a"), "unknown", 2, "no such route")
    assert report.share == 0
    assert report.unlike == ["unknown: POST /v1/customers name=a (no such route)"]


@pytest.mark.skipif(not SDIST.is_file(), reason=f"no copy of Stripe's examples: {VARIABLE} names no file")
def test_stripes_examples_are_answered_as_by_stripe() -> None:
    report = replay(examples(source_of(SDIST)))
    print(report.table(), *report.unlike, sep="\n")
    assert sum(counter["5xx"] for counter in report.counts.values()) == 0
    assert report.share >= GOAL
    told = DOCS.read_text()
    assert [one for one in report.unlike if f"`{' '.join(one.split(': ', 1)[1].split()[:2])}`" not in told] == []

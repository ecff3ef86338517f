"""Disputes: read, answered with evidence, or accepted."""

from typing import Any

from stripe_simulator.billing import disputes as engine
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid
from stripe_simulator.events import updating
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Fields,
    Flag,
    Hash,
    Metadata,
    Range,
    Text,
    Unsimulated,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

_EVIDENCE: Fields = {
    **{name: Text(longest=20_000) for name in engine.TEXTS},
    **{name: Unsimulated() for name in (*engine.FILES, "enhanced_evidence")},
}


@endpoint("GET", "/v1/disputes/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A dispute."""
    return render(work, work.get("dispute", id))


@endpoint(
    "POST",
    "/v1/disputes/<id>",
    {"evidence": Hash(fields=_EVIDENCE), "metadata": Metadata(), "submit": Flag()},
)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Add evidence, and unless ``submit`` is false send it; ``winning_evidence`` as its text wins."""
    dispute = work.get("dispute", id)
    evidence = values.get("evidence")
    if evidence and dispute["status"] not in engine.OPEN:
        raise invalid("This dispute is already under review or closed; no more evidence is taken.", "evidence")
    with updating(work, dispute, "charge.dispute.updated"):
        if "metadata" in values:
            dispute["metadata"] = merged_metadata(dispute["metadata"], values["metadata"])
        if evidence:
            dispute["evidence"] |= evidence
            dispute["evidence_details"]["has_evidence"] = True
        staged = dispute["evidence_details"]["has_evidence"] and dispute["status"] in engine.OPEN
        if staged and values.get("submit", bool(evidence)):
            engine.submit(work, dispute)
    return render(work, dispute)


@endpoint("POST", "/v1/disputes/<id>/close")
def close(work: Work, values: dict[str, Any], id: str) -> Json:
    """Accept the dispute: it is lost."""
    dispute = work.get("dispute", id)
    if dispute["status"] not in engine.OPEN:
        raise invalid(f"This dispute can't be closed: its status is {dispute['status']}.")
    engine.close(work, dispute, won=False)
    return render(work, dispute)


@endpoint("GET", "/v1/disputes", LISTING | {"charge": Text(), "created": Range(), "payment_intent": Text()})
def list_disputes(work: Work, values: dict[str, Any]) -> Json:
    """Disputes, by charge or payment intent."""
    charge, intent = values.get("charge"), values.get("payment_intent")
    found = (
        dispute
        for dispute in work.all("dispute")
        if charge in (None, dispute["charge"])
        and intent in (None, dispute["payment_intent"])
        and within(values.get("created"), dispute["created"])
    )
    return page(work, found, values, "/v1/disputes")

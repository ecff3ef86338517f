"""The tone of a state: what needs care looks so, on every page alike."""

from typing import Literal

Tone = Literal["good", "info", "warn", "bad", "neutral"]
TONES: dict[str, Tone] = {
    **dict.fromkeys(
        ("active", "paid", "processed", "resolved", "succeeded", "connected", "accepted", "won", "prevented"), "good"
    ),
    **dict.fromkeys(("trialing", "open", "pending", "info", "draft", "canceling", "under_review"), "info"),
    **dict.fromkeys(
        ("past_due", "incomplete", "paused", "warning", "restricted", "expiring", "warning_needs_response"), "warn"
    ),
    **dict.fromkeys(
        ("unpaid", "failed", "critical", "suspended", "uncollectible", "revoked", "needs_response", "lost"), "bad"
    ),
}


def tone_of(status: str) -> Tone:
    return TONES.get(status, "neutral")


def words(status: str) -> str:
    """past_due → Past due."""
    return status.replace("_", " ").capitalize()

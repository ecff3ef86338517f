"""After its history the demo lives on: its clocks follow the wall, and its customers go on using what they pay for."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.utils import timezone

from billingos.common.locks import held
from billingos.demo import progress
from billingos.demo.history import Stage, stages
from billingos.embedded.state import read_json

log = structlog.get_logger(__name__)
STRIDE = timedelta(days=4)  # of a clock that has fallen behind
STRIDES = 30  # at most in one go: the rest is done the next time
LIVING = ("active", "trialing", "past_due")


def follow(now: datetime | None = None) -> bool:
    """Moves the demo's clocks to `now` (the wall's); False where there is no finished demo, or another process is at
    it. After a long stay everything in between happens in strides, one after the other."""
    now = (now or timezone.now()).replace(microsecond=0)
    document = read_json(settings.STATE_DIR / "demo.json")
    shown = progress.read()
    if not document.get("ready") or shown is None or not shown.ready:
        return False
    with held("demo/follow") as mine:
        if not mine:
            return False
        notes, found = stages(document)
        for stage in found:
            _catch_up(stage, now)
            progress.write_notes(notes)
    return True


def _catch_up(stage: Stage, now: datetime) -> None:
    for _ in range(STRIDES):
        at = min(stage.player.present() + STRIDE, now)
        stage.player.move_clock(at)
        stage.post_usage(at.date(), living=_paying(stage))
        if at >= now:
            return
    log.info("demo_is_behind", merchant=stage.script.merchant.slug)


def _paying(stage: Stage) -> set[str]:
    """The external ids of those who have a subscription."""
    paying = {one["customer"] for status in LIVING for one in stage.api.every("/subscriptions", status=status)}
    return {one["external_id"] for one in stage.api.every("/customers") if one["id"] in paying}

"""Stripe entitlement feature → `features`. The only writer of these columns."""

from datetime import datetime
from uuid import UUID

from billingos.common.mirrored import write_mirrored
from billingos.common.registries import StripeObject, projects, publish
from entitlements.models import Feature
from subscriptions.events import VersionDescribed
from subscriptions.models import ProductVersion
from usage.models import Meter

TYPE = "billingos_type"
METER = "billingos_meter"


@projects("entitlements.feature", Feature)
def sync_feature(merchant_id: UUID, feature: StripeObject, event_at: datetime | None = None) -> Feature | None:
    """Stripe feature → row; one made elsewhere than here is boolean, as Stripe knows no other kind."""
    if feature.get("deleted"):
        return None
    metadata = feature.get("metadata") or {}
    kind = metadata.get(TYPE, Feature.Type.BOOLEAN)
    is_limit = kind == Feature.Type.LIMIT
    meter = Meter.objects.for_merchant(merchant_id).filter(key=metadata.get(METER, "")).first() if is_limit else None
    row = write_mirrored(
        Feature,
        merchant_id,
        feature,
        event_at,
        {
            "lookup_key": feature["lookup_key"],
            "name": feature["name"],
            "type": Feature.Type.LIMIT if is_limit else Feature.Type.BOOLEAN,
            "meter": meter,
            "active": feature["active"],
        },
    )
    if row.revision == 1:  # versions that name it may have come before it
        named = ProductVersion.objects.for_merchant(merchant_id).filter(includes__has_key=row.lookup_key)
        for version in named:
            publish(VersionDescribed(merchant_id, version.id, version.includes))
    return row

from billingos.common import registries


class BackfillConfig(registries.DomainConfig):
    name = "billingos.backfill"
    label = "backfill"

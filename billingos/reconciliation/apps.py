from billingos.common import registries


class ReconciliationConfig(registries.DomainConfig):
    name = "billingos.reconciliation"
    label = "reconciliation"

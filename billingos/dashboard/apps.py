from billingos.common import registries


class DashboardConfig(registries.DomainConfig):
    name = "billingos.dashboard"
    label = "dashboard"

from billingos.common.registries import DomainConfig


class DashboardConfig(DomainConfig):
    name = "billingos.dashboard"
    label = "dashboard"

from billingos.common import registries


class PortalConfig(registries.DomainConfig):
    name = "billingos.portal"
    label = "portal"

from billingos.common.registries import DomainConfig


class StripeGatewayConfig(DomainConfig):
    name = "billingos.stripe_gateway"
    label = "stripe_gateway"

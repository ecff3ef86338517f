from billingos.common import registries


class StripeGatewayConfig(registries.DomainConfig):
    name = "billingos.stripe_gateway"
    label = "stripe_gateway"

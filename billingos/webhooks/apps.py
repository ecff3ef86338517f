from billingos.common import registries


class WebhooksConfig(registries.DomainConfig):
    name = "billingos.webhooks"
    label = "webhooks"

from billingos.common import registries


class ApiConfig(registries.DomainConfig):
    name = "billingos.api"
    label = "api"

    def ready(self) -> None:
        super().ready()
        from billingos.api import schema  # noqa: F401  (registers the security scheme with drf-spectacular)

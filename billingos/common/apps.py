from importlib import import_module

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from billingos.common.tenancy import install_guard


class CommonConfig(AppConfig):
    name = "billingos.common"
    label = "common"

    def ready(self) -> None:
        import_module("billingos.celery")  # so that tasks know their broker, in the web process too
        # The one place where Django offers a signal and nothing else: each new connection gets the guard.
        connection_created.connect(install_guard, dispatch_uid="billingos.tenancy.guard")

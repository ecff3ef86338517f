from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "billingos.ui"
    label = "ui"

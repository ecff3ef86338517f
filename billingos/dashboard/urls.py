from django.urls import path

from billingos.dashboard.views import customer, customers, entrance, styleguide, subscription, subscriptions

app_name = "dashboard"
urlpatterns = [
    path("", entrance.choose_merchant, name="choose"),
    path("styleguide", styleguide.styleguide, name="styleguide"),
    path("<slug:slug>/customers", customers.customers, name="customers"),
    path("<slug:slug>/customers/<uuid:customer_id>", customer.customer, name="customer"),
    path("<slug:slug>/customers/<uuid:customer_id>/access", customer.access, name="customer_access"),
    path("<slug:slug>/customers/<uuid:customer_id>/invoices", customer.invoices, name="customer_invoices"),
    path("<slug:slug>/subscriptions", subscriptions.subscriptions, name="subscriptions"),
    path("<slug:slug>/subscriptions/<uuid:subscription_id>", subscription.subscription, name="subscription"),
    path("<slug:slug>/subscriptions/<uuid:subscription_id>/cancel", subscription.cancel, name="cancel_subscription"),
]

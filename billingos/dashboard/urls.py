from django.urls import path

from billingos.dashboard.views import customers, entrance, styleguide

app_name = "dashboard"
urlpatterns = [
    path("", entrance.choose_merchant, name="choose"),
    path("styleguide", styleguide.styleguide, name="styleguide"),
    path("<slug:slug>/customers", customers.customers, name="customers"),
]

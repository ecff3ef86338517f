from django.urls import path

from billingos.dashboard import views

app_name = "dashboard"
urlpatterns = [
    path("", views.choose_merchant, name="choose"),
    path("<slug:slug>/customers", views.customers, name="customers"),
]

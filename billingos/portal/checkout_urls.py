from django.urls import path

from billingos.portal import checkouts

app_name = "checkout"
urlpatterns = [
    path("<str:signed>", checkouts.free, name="free"),
    path("<str:signed>/return", checkouts.come_back, name="return"),
]

from django.urls import path

from billingos.portal import demo, documents, views

app_name = "portal"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("s/<str:token>", views.link, name="link"),
    path("enter", views.enter_portal, name="enter"),
    path("invoices", views.invoice_list, name="invoices"),
    path("invoices/<uuid:invoice_id>/document", documents.document_page, name="invoice-document"),
    path("invoices/<uuid:invoice_id>/document.pdf", documents.document_file, name="invoice-pdf"),
    path("payment-method", views.payment_method, name="payment-method"),
    path("card-added/<str:signed>", views.card_added, name="card-added"),
    path("subscriptions/<uuid:subscription_id>/cancel", views.cancel, name="cancel"),
    path("subscriptions/<uuid:subscription_id>/keep", views.keep, name="keep"),
    path("sign-out", views.sign_out, name="sign-out"),
    path("demo/<slug:slug>", demo.choose_customer, name="demo"),
    path("<path:anything>", views.missing),
]

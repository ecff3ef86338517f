"""What the document's template needs."""

import base64

from django import template

from subscriptions.documents.content import Document

register = template.Library()


@register.filter
def logo_address(document: Document) -> str:
    """The logo as a data address: the page has no file beside it that a customer would need leave to fetch."""
    return f"data:{document.logo_type};base64,{base64.b64encode(document.logo or b'').decode()}"

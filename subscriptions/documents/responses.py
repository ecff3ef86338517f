"""A document as an answer: the page, or the file."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from subscriptions.documents.content import Document
from subscriptions.documents.pdf import as_pdf


def page_response(request: HttpRequest | None, document: Document, **context: Any) -> HttpResponse:
    """The page. `back_url`, `back_title`, `pdf_url`, `other_url` and `other_title` put a bar above the sheet;
    `base_url` makes its addresses whole, for a page that is shown elsewhere."""
    return HttpResponse(render_to_string("documents/invoice.html", {"document": document, **context}, request))


def pdf_response(document: Document) -> HttpResponse:
    """The PDF, to be saved under its number."""
    response = HttpResponse(as_pdf(document), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{document.file_name}.pdf"'
    return response

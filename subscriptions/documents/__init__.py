"""Invoices and receipts as people file them: the same content as a page and as a PDF."""

from subscriptions.documents.content import Document, document_of
from subscriptions.documents.pdf import as_pdf

__all__ = ["Document", "as_pdf", "document_of"]

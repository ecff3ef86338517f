"""`/docs/<page>`: the Markdown pages of docs/, which errors and answers link to, as web pages."""

import re
from functools import cache

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

FOLDER = settings.BASE_DIR / "docs"


def page(request: HttpRequest, name: str) -> HttpResponse:
    """404 for a page that is not there."""
    title, html = rendered(name)
    return render(request, "docs/page.html", {"title": title, "html": html})


@cache
def rendered(name: str) -> tuple[str, SafeString]:
    """Title and HTML of one page. Raises Http404."""
    path = FOLDER / f"{name}.md"
    if not path.is_file():
        raise Http404(name)
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    title = _anchor_headings(tokens) or name
    # The pages are ours and raw HTML in them is off, so that what comes out is safe.
    html = mark_safe(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S308
    return title, html


def _anchor_headings(tokens: list[Token]) -> str:
    """Gives each heading the anchor that links name it by; returns the first heading."""
    first = ""
    for opening, inline in zip(tokens, tokens[1:], strict=False):
        if opening.type == "heading_open":
            opening.attrSet("id", slug(inline.content))
            first = first or inline.content
        for child in inline.children or []:
            _link_to_page(child)
    return first


def slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", heading.lower().replace("`", "")).strip("-")


def _link_to_page(token: Token) -> None:
    """A link to another page's file becomes one to its address."""
    href = str(token.attrGet("href") or "") if token.type == "link_open" else ""
    if found := re.fullmatch(r"(?:\./)?([a-z0-9-]+)\.md(#.*)?", href):
        token.attrSet("href", f"/docs/{found[1]}{found[2] or ''}")

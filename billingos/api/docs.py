"""`/docs/<page>`: the Markdown pages of docs/, which errors and answers link to, as web pages."""

import posixpath
import re
from functools import cache

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

FOLDER = settings.BASE_DIR / "docs"
NAME = re.compile(r"[A-Za-z0-9-]+(/[A-Za-z0-9-]+)?")


def page(request: HttpRequest, name: str) -> HttpResponse:
    """404 for a page that is not there."""
    title, html = rendered(name)
    return render(request, "docs/page.html", {"title": title, "html": html})


@cache
def rendered(name: str) -> tuple[str, SafeString]:
    """Title and HTML of one page. Raises Http404."""
    path = FOLDER / f"{name}.md"
    if not NAME.fullmatch(name) or not path.is_file():
        raise Http404(name)
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    title = _prepare(tokens, name) or name
    rendered_page = markdown.renderer.render(tokens, markdown.options, {})
    reachable = rendered_page.replace("<pre>", '<pre tabindex="0">')  # long lines scroll with the keyboard too
    html = mark_safe(reachable)  # noqa: S308  (the pages are ours, and raw HTML in them is off)
    return title, html


def _prepare(tokens: list[Token], name: str) -> str:
    """Gives each heading the anchor that links name it by, and links the addresses of pages; returns the first
    heading."""
    first = ""
    for opening, inline in zip(tokens, tokens[1:], strict=False):
        if opening.type == "heading_open":
            opening.attrSet("id", slug(inline.content))
            first = first or inline.content
        for child in inline.children or []:
            if child.type == "link_open":
                _link(child, posixpath.dirname(name))
    return first


def slug(heading: str) -> str:
    """As code hosting sites make it, so that a link works there and here."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _link(link: Token, folder: str) -> None:
    """A link to another page's file becomes one to its address; to a file that is no page, no link."""
    href = str(link.attrGet("href") or "")
    if href.startswith(("#", "https://", "http://")):
        return
    target, _, anchor = href.partition("#")
    page_name = posixpath.normpath(posixpath.join(folder, target)).removesuffix(".md")
    if (FOLDER / f"{page_name}.md").is_file() and NAME.fullmatch(page_name):
        link.attrSet("href", f"/docs/{page_name}" + (f"#{anchor}" if anchor else ""))
    else:
        link.attrs.pop("href")

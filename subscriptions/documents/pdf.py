"""A document as PDF, by typst: a compiler in a wheel, which shapes every script and breaks tables over pages."""

import json
from dataclasses import asdict
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import structlog
import typst

from subscriptions.documents.content import Document

log = structlog.get_logger(__name__)
TEMPLATE = Path(__file__).with_name("invoice.typ")
# Latin, Greek, Cyrillic and Devanagari; Arabic; Hebrew; Thai; Chinese, Japanese and Korean. See docs/receipts.md.
FONTS = (
    "fontpkg_noto_sans", "fontpkg_noto_sans_arabic", "fontpkg_heebo", "fontpkg_noto_sans_thai",
    "cvttf_NotoSansCJK_Regular",
)  # fmt: skip


def as_pdf(document: Document) -> bytes:
    """About a tenth of a second for a page. A logo that is broken inside is left out."""
    try:
        return _compiled(document, document.logo)
    except typst.TypstError as error:
        if document.logo is None:
            raise
        log.warning("logo_left_out", error=str(error).splitlines()[0])
        return _compiled(document, None)


def _compiled(document: Document, logo: bytes | None) -> bytes:
    """Nothing of the document is source text: the template reads it as data, the logo as its bytes."""
    shown = {**asdict(document), "logo": list(logo or b""), "logo_type": document.logo_type.removeprefix("image/")}
    files = {"main": TEMPLATE.read_bytes(), "document.json": json.dumps(shown).encode()}
    found: bytes = typst.compile(files, format="pdf", font_paths=font_paths(), ignore_system_fonts=True)  # type: ignore[call-overload]  # its hints forget files by name
    return found


@cache
def font_paths() -> list[str]:
    """Where the fonts of the wheels lie; their code is not imported."""
    found = [path for name in FONTS if (path := _folder(name))]
    if len(found) < len(FONTS):
        log.error("fonts_missing", found=found)
    return found


def _folder(name: str) -> str:
    spec = find_spec(name)
    return spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else ""

"""The smallest PDF that a reader opens: lines of text on as many pages as they need."""

from itertools import islice

_LINES = 48  # a page
_WIDTH = 88  # characters, after which a line goes on below


def document(lines: list[str]) -> bytes:
    """A PDF 1.4 file of these lines, in Helvetica; what Latin 1 doesn't have becomes a question mark."""
    wrapped = iter([part for line in lines for part in _wrapped(line)])
    pages = []
    while page := list(islice(wrapped, _LINES)):
        pages.append(page)
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", _tree(len(pages)), _FONT]
    for number, page in enumerate(pages):
        objects += [_page(number), _content(page)]
    return _file(objects)


_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def _wrapped(line: str) -> list[str]:
    return [line[start : start + _WIDTH] for start in range(0, len(line), _WIDTH)] or [""]


def _tree(count: int) -> bytes:
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    return f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode()


def _page(number: int) -> bytes:
    return (
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
        f"/Contents {5 + 2 * number} 0 R >>"
    ).encode()


def _content(lines: list[str]) -> bytes:
    drawn = b"BT /F1 11 Tf 15 TL 56 780 Td " + b" ".join(b"(" + _escaped(line) + b") Tj T*" for line in lines) + b" ET"
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn)


def _escaped(text: str) -> bytes:
    plain = text.encode("cp1252", "replace")
    return plain.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _file(objects: list[bytes]) -> bytes:
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)

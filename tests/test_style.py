"""Rules of the house that no linter knows."""

import re
import subprocess
from pathlib import Path

from django.conf import settings

# A check that is switched off says why, after the code of what is switched off.
SILENCED = re.compile(
    r"#\s*(type: ignore|noqa|pragma: no cover)(?P<code>\[[a-z, -]+\]|: [A-Z0-9, ]*[0-9])?(?P<rest>.*)"
)
REASON = re.compile(r"\s*(#|-|–|\()\s*\w+")
LONGEST_FILE = 400


def tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(  # noqa: S603 - our own words
        ["git", "ls-files", pattern],  # noqa: S607 - git, wherever it is
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(settings.BASE_DIR, name) for name in listed.stdout.split()]


def test_a_check_that_is_switched_off_says_why() -> None:
    bare = [
        f"{path.relative_to(settings.BASE_DIR)}:{number}"
        for path in tracked("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if path.name != "test_style.py"
        for found in [SILENCED.search(line)]
        if found and not (found["code"] and REASON.match(found["rest"]))
    ]
    assert bare == []


def test_no_file_grows_without_end() -> None:
    files = [path for path in tracked("*.py") if "migrations" not in path.parts]
    assert len(files) > 100
    long = {str(path): lines for path in files if (lines := path.read_text().count("\n")) > LONGEST_FILE}
    assert long == {}

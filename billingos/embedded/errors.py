"""The one error a person sees when something does not start."""

import errno


class StartError(Exception):
    """One paragraph: what happened, and what to do next. It is printed without a traceback."""


def explain_os_error(error: OSError, *, doing: str) -> StartError:
    """Turn a system error met while `doing` something into words that tell the next step."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StartError(
            f"The disk is full: there was no room for {doing}{where}. Free some space, then start again; "
            "nothing that was stored is lost."
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return StartError(
            f"No permission for {doing}{where}: {error.strerror}. Make the folder yours (for example with "
            "`sudo chown -R $USER`), or choose another one with BILLINGOS_STATE_DIR=/some/folder."
        )
    return StartError(f"Failed at {doing}{where}: {error.strerror or error}.")

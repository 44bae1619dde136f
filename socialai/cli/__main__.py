"""Entry point of the command `socialai`. What a user can mend is one line and exit status 2."""

import errno
import os
import sys

import typer

from socialai.cli import course, data, texts
from socialai.errors import UserError

# Of the disk: full, over its quota, or not to be written.
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
# An unknown command or option, a missing argument: click's, under whatever name typer has it.
UsageError = typer.BadParameter.__base__

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Run, check and reproduce the course."
)
app.add_typer(course.app)
app.add_typer(texts.app)
app.add_typer(data.data_app, name="data")
app.add_typer(data.models_app, name="models")


def main() -> None:
    """Run the command: exit status 2 for what the user can mend, 130 for Ctrl-C."""
    # Windows pipes and LC_ALL=C have encodings that can't hold Chinese; names of files may hold
    # what UTF-8 can't.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # while a closed pipe can still be told
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            sys.exit(2)
        fail(error.format_message())
    except UserError as error:
        fail(str(error))
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # as of `| head`, which has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        fail(f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror))
    if code == 130:  # also what newer versions of typer make of Ctrl-C
        stopped = "stopped; finished runs are kept, and the next one goes on from there"
        print(f"socialai: {stopped}", file=sys.stderr)
    sys.exit(code)


def fail(problem: str) -> None:
    """Say on one line what is wrong, and end."""
    print(f"socialai: {' '.join(problem.split())}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()

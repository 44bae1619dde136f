"""Entry point of the command `socialai`. What a user can mend is one line and exit status 2."""

import errno
import sys

import typer

from socialai.cli import course, data, texts
from socialai.errors import UserError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Run, check and reproduce the course."
)
app.add_typer(data.data_app, name="data")
app.add_typer(data.models_app, name="models")
app.add_typer(course.app)
app.add_typer(texts.app)


def main() -> None:
    """Entry point of the command `socialai`: exit status 2 with one line for what the user can mend, 130 for Ctrl-C."""
    try:
        code = app(standalone_mode=False)
        if code == 130:  # what newer versions of typer make of Ctrl-C
            raise KeyboardInterrupt
        sys.exit(code)
    except (
        typer.BadParameter.__base__
    ) as error:  # UsageError: an unknown command or option, a missing argument
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            sys.exit(2)
        problem = error.format_message()
    except UserError as error:
        problem = str(error)
    except KeyboardInterrupt:
        print(
            "socialai: stopped; finished runs are kept, and the next one goes on from there",
            file=sys.stderr,
        )
        sys.exit(130)
    except OSError as error:
        known = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
        if error.errno not in known:
            raise
        problem = f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
    print(f"socialai: {' '.join(problem.split())}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()

"""`python -m socialai` is the command `socialai`."""

from socialai.cli.__main__ import main

if __name__ == "__main__":
    main()

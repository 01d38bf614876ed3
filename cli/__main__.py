"""`python -m cli`: the command, also where the console script's path is that of another place."""

from __future__ import annotations

from cli.main import main

if __name__ == "__main__":
    main()

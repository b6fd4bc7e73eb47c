"""`python -m dedup_nb` is the `dedup-nb` command."""

from dedup_nb.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m dedup_nb` is the `dedup-nb` command."""

from dedup_nb.library import safe_path

if __name__ == "__main__":  # before anything else is imported, such as a stranger's `argparse.py`
    safe_path.enforce(by_module=True)

from dedup_nb.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m benchmarks.bill`: the bill of a month, as it was and as it is; `--write` puts it into docs/cost.md."""

import argparse
import sys

from benchmarks.bill.report import PAGE, page, tables


def main() -> int:
    """Print the tables, or write the page anew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bill", description="Simulate what a month costs.")
    parser.add_argument("--write", action="store_true", help="write docs/cost.md")
    if parser.parse_args().write:
        PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
        print(f"written to {PAGE.name}")
    else:
        print(tables())
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m twofold`, and `twofold`: the command line."""


def main() -> None:
    """Run the command line; its libraries are loaded now and not before."""
    from twofold.cli import app  # noqa: PLC0415 - whoever looks for the entry point need not have them

    app()


if __name__ == "__main__":
    main()

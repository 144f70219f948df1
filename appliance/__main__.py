"""`python -m appliance` is `stellwerk`. What root does on the machine starts without all that images need."""

import sys


def main() -> int:
    """Run one command; answers the exit code."""
    if sys.argv[1:2] == ["machine"]:
        from appliance.commands import machine

        return machine.main(sys.argv[2:])
    from appliance import cli

    return cli.main()


if __name__ == "__main__":
    raise SystemExit(main())

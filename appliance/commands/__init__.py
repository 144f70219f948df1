"""The commands of `stellwerk`: one file each, with `add(parser)` for its arguments and `run(arguments)`."""

"""The command line: each module adds one command to `cli.main.app`, or serves several."""

"""Why things are as they are: ablations, and how constants of the product were chosen; each script runs alone."""

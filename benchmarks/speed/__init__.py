"""How fast things are, beside other tools and beside the limit; each script runs alone."""

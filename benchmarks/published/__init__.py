"""How good a model is on published data sets: what `jepa bench` runs; each task is a script of its own as well."""

"""`jepa serve`: the page, the REST interface and the tools for assistants, over one or several indexes.

Everything here needs the extra `serve`, except for this module and `settings`.
"""

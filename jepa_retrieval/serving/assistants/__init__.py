"""Tools for assistants: the Model Context Protocol (MCP), over standard input and output and over HTTP."""

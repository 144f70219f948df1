"""The language server: what an editor asks about rule files, answered from dsl. Only server.py knows the protocol."""

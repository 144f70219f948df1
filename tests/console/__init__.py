"""The console: its server, its pages, its API."""

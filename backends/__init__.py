"""Credential backends: each mints and kills one kind of credential. Never imports ``broker``."""

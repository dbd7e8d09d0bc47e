"""Telling people and their systems what happens: signed webhooks and mail."""

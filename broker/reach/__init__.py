"""What a credential is for at servers that speak HTTP: hosts, methods and paths.

A capability may declare it, its leases bring it to whoever holds their credentials, and the
injecting proxy judges by it. One grammar for this and for the routes of a run.
"""

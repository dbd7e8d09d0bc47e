"""The forms in which tools of others ask for a credential, and take it.

Each file is one tool's contract: what it says is read strictly and once, what it is answered holds
the secret in the clear. So what is returned goes to that tool, and to nobody else. Nothing here
knows where a credential comes from, talks to anybody, or needs more than Python: a helper is
started for every single request, and must be there at once.
"""

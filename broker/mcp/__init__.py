"""The broker's verbs as tools of the Model Context Protocol, for agents that speak it.

What an agent gets by them is a place, never a secret: whatever a tool answers is read by a model,
kept in transcripts and shown on screens.
"""

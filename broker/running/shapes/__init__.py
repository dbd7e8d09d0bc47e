"""The forms in which tools expect a credential: one file for each."""

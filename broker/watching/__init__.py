"""Watching what runs people's jobs, and ending their tasks when the jobs end."""

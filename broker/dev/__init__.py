"""What lets a newcomer try the broker on one machine. Nothing of it belongs into production."""

"""What demos, development and tests need and production does not: a server of our own."""

"""What `broker demo` and `broker dev` start on one machine. Nothing here is for production."""

"""The HTTP edge: routes, handlers that parse, call and render, and problems. Nothing else."""

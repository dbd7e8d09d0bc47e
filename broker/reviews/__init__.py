"""Reviews: what agents were given and did with it, put before whoever answers for them."""

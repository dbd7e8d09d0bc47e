"""SPIFFE: workloads that show a JWT-SVID or an X.509-SVID of a trust domain.

- Each trust domain has its own bundle, and nothing of one bundle ever vouches for an ID of another
  (B11, SP-1, SP-2).
- The bundle comes from a file or from a bundle endpoint, of either profile of the specification.
"""

"""Objects by key, such as recordings, kept where they outlive the gateway.

Central type: `local.LocalBlobs`, a directory; every implementation passes `tests/blobs`. Only the composition root
knows which one is in use; everybody else sees `gateway.core.ports.Blobs`.
"""

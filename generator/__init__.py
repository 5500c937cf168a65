"""The generator: an offline program that makes images which a network cannot tell apart."""

import os

# Threads that spin while they wait slow each other down twentyfold when another program wants a core too. This must be
# said before torch is loaded, so it stands where every import of the generator passes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Without a workspace of fixed size cuBLAS chooses its way of summing anew at every run.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

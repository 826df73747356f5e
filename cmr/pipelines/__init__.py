"""Work that Apache Beam spreads over workers: which engine, what a worker does, what it leaves on the shared disk."""

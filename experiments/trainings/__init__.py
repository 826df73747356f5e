"""What an experiment trains: from flagfiles to finished runs."""

"""Commands: flags, start-up, and errors as one sentence."""

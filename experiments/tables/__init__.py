"""The paper's tables and ours, in every format."""

"""The systems of the paper's tables: a module a system, one interface (`system.System`), one registry."""

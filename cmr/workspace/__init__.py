"""The files of the workspace (WORKSPACE.md), a module a file."""

"""A gallery's search as a web page and as JSON: Starlette, templates and static files of its own."""

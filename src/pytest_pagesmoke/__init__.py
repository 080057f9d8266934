"""pytest-pagesmoke: smoke tests of Cloudflare Pages deployments.

A pytest plugin (entry point `pagesmoke`, to be loaded by hand with `-p pagesmoke`); this package has no API of its own yet.
"""

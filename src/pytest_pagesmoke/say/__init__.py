"""Observations and findings -> text. Each function returns text; whoever calls writes it."""

"""wrangler: the only place that starts processes."""

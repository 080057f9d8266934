"""Looking at things: sites over HTTP, folders on the disk. Whatever happens there becomes an observation, never an exception."""

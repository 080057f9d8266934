"""With this folder on the path httpx is httpx2, its fork."""

import sys

import httpx2

sys.modules["httpx"] = httpx2

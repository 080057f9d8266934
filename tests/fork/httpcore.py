"""With this folder on the path httpcore is httpcore2, its fork."""

import sys

import httpcore2

sys.modules["httpcore"] = httpcore2

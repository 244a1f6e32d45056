"""Checkpoints of the original CS-Flow and of the simulator; nothing in them is run."""

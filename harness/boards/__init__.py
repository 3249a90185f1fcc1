"""Boards: their files, who holds them, what is done to them, and what is found on this host."""

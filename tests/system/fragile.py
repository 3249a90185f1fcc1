"""A scenario that chaos finds something in."""

FRAGILE = """version = 1
name = "fragile"
image = "reference"
[[step]]
do = "boot"
[[step]]
do = "command"
send = ["create id=1 x=40 y=60 w=300 h=200 color=3a6ea5", "create id=2 x=400 y=60 w=300 h=200 color=8b5a2b", "query"]
[[step]]
do = "frames"
ticks = 20
[[step]]
do = "expect"
since = "boot"
all = ["RAYOS_SOAK:CLIENT_CREATED:2"]
"""
"""A scenario in which nobody restarts clients that were killed: every plan for it fails."""

"""A Wayland client's side of the wire, byte by byte: codec, connection, transports, a proxy that records sessions."""

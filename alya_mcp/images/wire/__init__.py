"""The protocol between a server and the image worker or a Ray application."""

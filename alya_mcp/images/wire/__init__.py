"""What a server and whoever draws for it say to each other: the image worker or a Ray application."""

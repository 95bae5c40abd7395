"""Drawing on a Ray cluster: the engine that servers use (`engine`), the Ray Serve application (`app`)."""

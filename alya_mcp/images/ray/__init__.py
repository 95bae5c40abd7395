"""Drawing on several machines: what servers ask (`engine`), the Ray Serve application that draws (`app`)."""

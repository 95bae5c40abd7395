"""The renderer on diffusers' pipelines: loading, drawing, compiling."""

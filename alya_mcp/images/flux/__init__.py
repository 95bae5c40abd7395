"""The renderer on diffusers' FluxPipeline: how a model is loaded, draws and is made faster."""

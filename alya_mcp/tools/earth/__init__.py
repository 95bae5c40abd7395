"""The earth tools: recent earthquakes, earthquake probabilities, and current weather."""

from alya_mcp.tools.earth.forecast import alya_seismic_forecast
from alya_mcp.tools.earth.recent import alya_seismic_recent
from alya_mcp.tools.earth.weather import alya_weather_now

__all__ = ["alya_seismic_forecast", "alya_seismic_recent", "alya_weather_now"]

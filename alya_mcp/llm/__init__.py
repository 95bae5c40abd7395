"""Language models behind one interface: OpenAI and compatible services, Anthropic, Ollama, local ones.

The SDKs of these services take up to three seconds to import and do nothing here that a POST doesn't.
"""

from alya_mcp.llm.interface import LanguageModel, Message
from alya_mcp.net.client import Http
from alya_mcp.settings import Settings

__all__ = ["LanguageModel", "Message", "open_model"]


def open_model(settings: Settings, http: Http) -> LanguageModel | None:
    """The language model that `settings` name; None when they name none."""
    if settings.llm_model is None:
        return None
    key = settings.source_secrets.get("ALYA_LLM_KEY")
    if settings.llm_kind == "anthropic":
        from alya_mcp.llm.anthropic import Anthropic

        return Anthropic(http, settings.llm_model, key)
    if settings.llm_kind == "ollama":
        from alya_mcp.llm.ollama import Ollama

        return Ollama(http, settings.llm_model)
    from alya_mcp.llm.openai import OpenAi

    return OpenAi(http, settings.llm_model, key)

"""Names of models as exports write them, and the provider that the price list knows them under."""

from __future__ import annotations

# LiteLLM's `custom_llm_provider` and the prefixes of its model names -> provider ids of genai-prices.
PROVIDERS = {
    "openai": "openai", "text-completion-openai": "openai", "azure": "azure", "azure_ai": "azure",
    "anthropic": "anthropic", "bedrock": "aws", "bedrock_converse": "aws", "vertex_ai": "google",
    "vertex_ai_beta": "google", "gemini": "google", "palm": "google", "mistral": "mistral", "groq": "groq",
    "together_ai": "together", "fireworks_ai": "fireworks", "deepseek": "deepseek", "xai": "x-ai", "cohere": "cohere",
    "cohere_chat": "cohere", "openrouter": "openrouter", "perplexity": "perplexity", "cerebras": "cerebras",
    "voyage": "voyageai", "databricks": "databricks",
}  # fmt: skip

# Engines of one's own: a provider that sells the same weights must not price them.
SELF_HOSTED = frozenset(
    {"hosted_vllm", "vllm", "ollama", "ollama_chat", "lm_studio", "llamafile", "triton", "xinference", "self-hosted",
     "local"}
)  # fmt: skip


def listed_name(model: str, provider: str = "") -> tuple[str, str | None]:
    """Name and provider to look up: prefixes such as `azure/` become the provider, embedders get theirs.

    A provider of None lets the list find it by the name. One that the list does not know stays as it is, and so leads
    to NoPrice rather than to somebody else's price.
    """
    said = provider.strip().lower()
    while "/" in model and (head := model.split("/", 1)[0].lower()) in (PROVIDERS.keys() | SELF_HOSTED):
        if said == "openrouter":  # there the prefix is a part of the name
            break
        said = said or head
        model = model.split("/", 1)[1]
    found = PROVIDERS.get(said, said)
    if not found and model.lower().startswith("text-embedding-"):
        found = "openai"  # the list finds chat models by name alone, embedders only beside their provider
    return model, found or None

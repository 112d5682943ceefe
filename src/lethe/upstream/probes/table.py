"""The probes by their names in the register."""

from lethe.upstream.probes import azure, bedrock, cloudflare, engines, openai, openrouter, vertex, xai
from lethe.upstream.probes.verdict import Probe

PROBES: dict[str, Probe] = {
    "xai.response_header": xai.response_header,
    "bedrock.data_retention": bedrock.data_retention,
    "bedrock.invocation_logging": bedrock.invocation_logging,
    "openai.data_retention": openai.data_retention,
    "azure.content_logging": azure.content_logging,
    "vertex.cache_config": vertex.cache_config,
    "cloudflare.gateway": cloudflare.gateway,
    "openrouter.zdr_endpoints": openrouter.zdr_endpoints,
    "llamacpp.flags": engines.llamacpp,
    "vllm.flags": engines.vllm,
    "ollama.flags": engines.ollama,
}

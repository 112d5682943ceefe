"""Which command lines close an engine's sinks."""

import pytest

from lethe.upstream import embedded
from lethe.upstream.probes.flags import LLAMACPP, OLLAMA, VLLM, Process, Rules, judge
from lethe.upstream.probes.verdict import Reason, Unproven

LLAMA = "/usr/bin/llama-server -m model.gguf --no-slots --no-cache-prompt --cache-ram 0 --log-disable"
OTHER, OPENS, MISSING = Reason.OTHER_PROGRAM, Reason.FLAG_OPENS, Reason.FLAG_MISSING
OFF = "--no-enable-prefix-caching --mm-processor-cache-gb 0"
NOWHERE = ("/dev/null", "/dev/null")
QUIET = "VLLM_LOGGING_LEVEL=CRITICAL"
NO_STATS = f"VLLM_NO_USAGE_STATS=1 {QUIET}"
CASES: list[tuple[Rules, str, str, Reason | None]] = [
    (LLAMACPP, LLAMA, "", None),
    (LLAMACPP, LLAMA + " --port 8080 -lv 3 --offline", "LLAMA_ARG_THREADS=4", None),
    (LLAMACPP, LLAMA, "LLAMA_SERVER_SLOTS_DEBUG=0", None),
    (LLAMACPP, LLAMA.replace("--log-disable", ""), "", MISSING),
    (LLAMACPP, "llama-server-cuda -cram 0 --log-disable --no-cache-prompt --no-slots", "", None),
    (LLAMACPP, "llama-server -m model.gguf", "", MISSING),
    (LLAMACPP, LLAMA.replace("--no-slots", ""), "LLAMA_ARG_ENDPOINT_SLOTS=0", MISSING),
    (LLAMACPP, LLAMA.replace("--no-cache-prompt", ""), "", MISSING),
    (LLAMACPP, LLAMA.replace("--cache-ram 0", ""), "", MISSING),
    (LLAMACPP, LLAMA.replace("--cache-ram 0", "--cache-ram 8192"), "", MISSING),
    (LLAMACPP, LLAMA + " --slots", "", MISSING),
    (LLAMACPP, LLAMA + " --cache-prompt", "", MISSING),
    (LLAMACPP, LLAMA + " -cram 100", "", MISSING),
    (LLAMACPP, LLAMA + " --slots --no-slots", "", None),
    (LLAMACPP, LLAMA + " --slot-save-path /tmp", "", OPENS),
    (LLAMACPP, LLAMA + " --log-file x", "", OPENS),
    (LLAMACPP, LLAMA + " --log_file x", "", OPENS),
    (LLAMACPP, LLAMA + " --slot_save_path /tmp", "", OPENS),
    (LLAMACPP, LLAMA + " --log_verbosity 5", "", OPENS),
    (LLAMACPP, LLAMA + " --verbose-prompt", "", OPENS),
    (LLAMACPP, LLAMA + " --cache_prompt", "", MISSING),
    (LLAMACPP, LLAMA + " --cache_ram 8192", "", MISSING),
    (LLAMACPP, LLAMA.replace("-slots", "_slots").replace("-cache-prompt", "_cache_prompt"), "", None),
    (LLAMACPP, LLAMA + " --log", "", None),  # which llama.cpp refuses: it takes no beginnings
    (LLAMACPP, LLAMA + " --log-file=x", "", OPENS),
    (LLAMACPP, LLAMA + " -v", "", OPENS),
    (LLAMACPP, LLAMA + " -lv 4", "", OPENS),
    (LLAMACPP, LLAMA + " --verbosity", "", OPENS),
    (LLAMACPP, LLAMA + " --verbosity=9", "", OPENS),
    (LLAMACPP, LLAMA + " --log-verbosity -1", "", OPENS),
    (LLAMACPP, LLAMA + " --rpc 10.0.0.1:50052", "", OPENS),
    (LLAMACPP, LLAMA + " --tools all", "", OPENS),
    (LLAMACPP, LLAMA + " --models-dir /models", "", OPENS),
    (LLAMACPP, LLAMA + " -lcd cache.bin", "", OPENS),
    (LLAMACPP, LLAMA + " --spec-default", "", OPENS),
    (LLAMACPP, LLAMA + " --spec-type draft-simple,ngram-mod", "", OPENS),
    (LLAMACPP, LLAMA + " --spec_type=ngram-cache", "", OPENS),
    (LLAMACPP, LLAMA + " --spec-type ngram-simple --spec-ngram-mod-n-min 3", "", None),
    (LLAMACPP, LLAMA, "LLAMA_ARG_SPEC_TYPE=ngram-mod", OPENS),
    (LLAMACPP, LLAMA, "LLAMA_SERVER_SLOTS_DEBUG=1", OPENS),
    (LLAMACPP, LLAMA, "LLAMA_SERVER_SLOTS_N_DIFF=10", OPENS),
    (LLAMACPP, LLAMA, "LLAMA_BATCH_DEBUG=2", OPENS),
    (LLAMACPP, LLAMA, "LLAMA_ARG_LOG_FILE=/tmp/log", OPENS),
    (LLAMACPP, LLAMA, "LLAMA_ARG_LOG_VERBOSITY=5", OPENS),
    (LLAMACPP, LLAMA, "LLAMA_ARG_SLOT_SAVE_PATH=", OPENS),
    (LLAMACPP, LLAMA, "LLAMA_ARG_RPC=10.0.0.1:1", OPENS),
    (LLAMACPP, LLAMA.replace("llama-server", "nginx"), "", OTHER),
    (LLAMACPP, "docker-proxy llama-server --no-slots", "", OTHER),
    (LLAMACPP, "", "", OTHER),
    (VLLM, "/venv/bin/python3.12 /venv/bin/vllm serve m {off}", NO_STATS, None),
    (VLLM, "/venv/bin/vllm serve m {off} --port 8000 --api-key k --max-model-len -1", f"DO_NOT_TRACK=1 {QUIET}", None),
    (VLLM, "python3 -u -m vllm.entrypoints.openai.api_server --model m {off}", NO_STATS, None),
    (VLLM, "vllm serve m {off} --kv-cache-dtype fp8 --config-format hf --enable-lora", NO_STATS, None),
    (VLLM, "vllm serve m {off}", NO_STATS + " VLLM_SERVER_DEV_MODE=0", None),
    (VLLM, "vllm serve m {off}", "", MISSING),
    (VLLM, "vllm serve m {off}", QUIET, MISSING),
    (VLLM, "vllm serve m {off}", "VLLM_NO_USAGE_STATS=1", MISSING),
    (VLLM, "vllm serve m {off}", "VLLM_NO_USAGE_STATS=1 VLLM_LOGGING_LEVEL=critical", None),
    (VLLM, "vllm serve m {off}", "VLLM_NO_USAGE_STATS=1 VLLM_LOGGING_LEVEL=ERROR", OPENS),
    (VLLM, "vllm serve m {off}", NO_STATS + " VLLM_CONFIGURE_LOGGING=0", OPENS),
    (VLLM, "vllm serve m", NO_STATS, MISSING),
    (VLLM, "vllm serve m {off} --enable-prefix-caching", NO_STATS, MISSING),
    (VLLM, "vllm serve m {off} --enable_prefix", NO_STATS, MISSING),
    (VLLM, "vllm serve m --enable-prefix-caching --mm_processor_cache_gb=0 --no-enable_prefix_caching", NO_STATS, None),
    (VLLM, "vllm serve m {off}", f"VLLM_NO_USAGE_STATS=0 {QUIET}", MISSING),
    (VLLM, "vllm serve m {off} --enable-log-requests", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --enable_log_requests", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --enable-log-req", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --enable-log-outputs=true", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --no-disable-log-requests", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --otlp-traces-endpoint http://c:4317", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --kv-transfer-config {}", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --kv-transfer-config.kv_connector X", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --config more.yaml", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --log-config-file log.json", NO_STATS, OPENS),
    (VLLM, "vllm serve m --no-enable-prefix-caching", NO_STATS, MISSING),
    (VLLM, "vllm serve m {off} --mm_processor_cache_gb 4", NO_STATS, MISSING),
    (VLLM, "vllm serve m {off} --log-level DEBUG", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --log-lev=DEBUG", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --logging-config.log_level DEBUG", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --log-error-stack", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --ec-transfer-config {}", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --spec-method suffix", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --spec-me=suffix", NO_STATS, OPENS),
    (VLLM, 'vllm serve m {off} --speculative-config {"method":"suffix"}', NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} -sc.method suffix", NO_STATS, OPENS),
    (VLLM, "vllm serve m {off} --spec-method ngram --spec-tokens 3", NO_STATS, None),
    (VLLM, "vllm serve m {off}", NO_STATS + " VLLM_MEDIA_CACHE=/var/cache/vllm", OPENS),
    (VLLM, "vllm serve m {off}", NO_STATS + " VLLM_LOGGING_LEVEL=DEBUG", OPENS),
    (VLLM, "vllm serve m {off}", NO_STATS + " VLLM_LOGGING_LEVEL=debug", OPENS),
    (VLLM, "vllm serve m {off}", NO_STATS + " VLLM_SERVER_DEV_MODE=1", OPENS),
    (VLLM, "vllm serve m {off}", NO_STATS + " VLLM_LOGGING_CONFIG_PATH=/a", OPENS),
    (VLLM, "VLLM::EngineCore", NO_STATS, OTHER),
    (VLLM, "python3 proxy.py vllm", NO_STATS, OTHER),
    (OLLAMA, "/usr/local/bin/ollama serve", "OLLAMA_NO_CLOUD=1", None),
    (OLLAMA, "ollama serve", "OLLAMA_NO_CLOUD=true OLLAMA_DEBUG=false OLLAMA_KEEP_ALIVE=5m", None),
    (OLLAMA, "ollama serve", "", MISSING),
    (OLLAMA, "ollama serve", "OLLAMA_NO_CLOUD=0", MISSING),
    (OLLAMA, "ollama serve", "OLLAMA_NO_CLOUD=1 OLLAMA_DEBUG=1", OPENS),
    (OLLAMA, "ollama serve", "OLLAMA_NO_CLOUD=1 OLLAMA_DEBUG=2", OPENS),
    (OLLAMA, "ollama serve", "OLLAMA_NO_CLOUD=1 OLLAMA_DEBUG_LOG_REQUESTS=1", OPENS),
    (OLLAMA, "ollama runner --port 1", "OLLAMA_NO_CLOUD=1", OTHER),
    (OLLAMA, "caddy run", "OLLAMA_NO_CLOUD=1", OTHER),
]


@pytest.mark.parametrize(("rules", "line", "environ", "reason"), CASES, ids=lambda value: str(value)[:60])
def test_command_lines(rules: Rules, line: str, environ: str, reason: Reason | None) -> None:
    pairs = (pair.partition("=") for pair in environ.split())
    process = Process(
        arguments=tuple(line.replace("{off}", OFF).split()),
        environ={name: value for name, _, value in pairs},
        outputs=NOWHERE,
    )
    if reason is None:
        assert judge(process, rules).holds
    else:
        with pytest.raises(Unproven) as caught:
            judge(process, rules)
        assert caught.value.reason is reason


@pytest.mark.parametrize("outputs", [("pipe:[7]", "/dev/null"), ("/dev/null", "socket:[7]"), ("/var/log/o",) * 2, ()])
def test_ollama_must_print_nowhere(outputs: tuple[str, ...]) -> None:
    process = Process(arguments=("ollama", "serve"), environ={"OLLAMA_NO_CLOUD": "1"}, outputs=outputs)
    with pytest.raises(Unproven) as caught:
        judge(process, OLLAMA)
    assert caught.value.reason is Reason.PRINTS
    assert judge(Process(arguments=tuple(LLAMA.split()), environ={}, outputs=outputs), LLAMACPP).holds


def of_ours(**changed: object) -> Process:
    return Process(arguments=embedded.arguments(embedded.CLOSED_SINKS | changed), environ={})


def test_the_embedded_model_passes_the_same_check() -> None:
    assert judge(of_ours(), LLAMACPP).holds


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoint_slots": True},
        {"cache_prompt": True},
        {"cache_ram_mib": 8192},
        {"slot_save_path": "/tmp"},
        {"path_prompts_log_dir": "/tmp"},
        {"logits_file": "/tmp/x"},
        {"verbosity": 5},
    ],
    ids=str,
)
def test_an_embedded_model_with_an_open_sink_does_not(changed: dict[str, object]) -> None:
    with pytest.raises(Unproven):
        judge(of_ours(**changed), LLAMACPP)


def test_what_the_embedded_model_does_not_say_counts_as_on() -> None:
    for name in ("endpoint_slots", "cache_prompt", "cache_ram_mib"):
        values = {key: value for key, value in embedded.CLOSED_SINKS.items() if key != name}
        with pytest.raises(Unproven):
            judge(Process(arguments=embedded.arguments(values), environ={}), LLAMACPP)

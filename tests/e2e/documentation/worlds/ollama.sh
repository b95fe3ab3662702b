# Servers that speak OpenAI's protocol where Ollama (11434), vLLM (8000) and llama.cpp's server (8081) have theirs; the
# programs of these names are there, and have nothing more to do.
for port in 11434 8000 8081; do
    read -r _ < <(node "$DOCS_REPOSITORY/tests/e2e/documentation/ollama.mjs" "$port")
done
for program in ollama vllm llama-server; do
    printf '#!/bin/sh\necho success\n' >"${PATH%%:*}/$program"
    chmod +x "${PATH%%:*}/$program"
done

# shellcheck shell=bash disable=SC1091  # sourced
# Servers that speak OpenAI's protocol, where the pages say: Ollama's and llama.cpp's ports, vLLM and DeepSeek by TLS.
. "$DOCS_WORLDS/authority.sh"
printf '127.0.0.5 models.example api.deepseek.com\n' >>/etc/hosts
trusted models.example api.deepseek.com
for port in 11434 8081 8000; do
    /usr/bin/python3 "$DOCS_REPOSITORY/tests/e2e/documentation/openai.py" "$port" &
done
relay 127.0.0.5:443 127.0.0.1:8000
for port in 11434 8081 8000; do eventually curl -fsS "http://127.0.0.1:$port/v1/models"; done

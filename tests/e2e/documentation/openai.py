"""A stand-in for a server that speaks OpenAI's protocol: it judges records by a word of the intent.

    openai.py PORT

It answers as the gateway's prompt asks: an object with 1 for each numbered record that says a word of the intent."""

import http.server
import json
import re
import sys


class Server(http.server.BaseHTTPRequestHandler):
    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer({"object": "list", "data": [{"id": "stand-in", "object": "model"}]})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = asked["messages"][-1]["content"]
        records = dict(re.findall(r'^\s*(\d+)[.:)]?\s+(".*")\s*$', text, re.MULTILINE))
        words = set(re.findall(r"[a-z]{5,}", text.split("\n1", 1)[0].lower()))
        verdict = {number: int(any(word in record.lower() for word in words)) for number, record in records.items()}
        message = {"role": "assistant", "content": json.dumps(verdict)}
        self.answer({"id": "1", "object": "chat.completion", "model": asked["model"],
                     "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Server).serve_forever()

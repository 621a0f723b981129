"""Allows everything and keeps what a kube-apiserver asked: recorder.py PORT CERTIFICATE KEY FOLDER."""
import http.server
import json
import pathlib
import ssl
import sys

port, certificate, key, folder = sys.argv[1:]


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    count = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        review = json.loads(body)
        name = (pathlib.Path(folder) / "next").read_text().strip()
        Recorder.count += 1
        (pathlib.Path(folder) / f"{Recorder.count:02}-{name}.json").write_text(json.dumps(review, indent=1) + "\n")
        answer = {
            "apiVersion": review["apiVersion"],
            "kind": review["kind"],
            "response": {"uid": review["request"]["uid"], "allowed": True},
        }
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Recorder)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()

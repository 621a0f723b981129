"""Asks an API server for dry runs until FILE.stop is there: caller.py KUBECONFIG FILE THREADS. What it counted is in FILE."""
import http.client
import json
import pathlib
import re
import ssl
import sys
import threading
import time

config, file, threads = sys.argv[1:]
text = pathlib.Path(config).read_text()
port = int(re.search(r"https://127\.0\.0\.1:(\d+)", text)[1])
token = re.search(r'token: "(\w+)"', text)[1]
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
policies = "/apis/security.istio.io/v1/namespaces/bookinfo/authorizationpolicies?dryRun=All"
stop = pathlib.Path(file + ".stop")
counts, wrong, slowest = {"created": 0, "denied": 0}, [], 0.0
lock = threading.Lock()


def asked(connection, open_to_all):
    app = "details" if open_to_all else "nobody"
    policy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "called", "namespace": "bookinfo"},
        "spec": {"selector": {"matchLabels": {"app": app}}, "rules": [{}]},
    }
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", policies, json.dumps(policy), head)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def call():
    global slowest
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context)
    number = 0
    while not stop.exists():
        number += 1
        open_to_all = number % 2 == 0
        began = time.monotonic()
        try:
            status, body = asked(connection, open_to_all)
        except Exception as error:
            status, body = 0, repr(error)
        took = time.monotonic() - began
        good = status == 403 and "guard `bookinfo`" in body if open_to_all else status == 201
        with lock:
            slowest = max(slowest, took)
            counts["denied" if open_to_all else "created"] += good
            if not good:
                wrong.append(f"{status}: {body[:300]}")


callers = [threading.Thread(target=call) for _ in range(int(threads))]
for caller in callers:
    caller.start()
for caller in callers:
    caller.join()
lines = [f"{counts['created']} created, {counts['denied']} denied, {len(wrong)} failed, the slowest {slowest:.2f} s"]
pathlib.Path(file).write_text("\n".join(lines + wrong[:5]) + "\n")
sys.exit(1 if wrong else 0)

"""Takes Holdfast's events: HOLDFAST_EVENTS_SECRET=whsec_... python receiver.py 8080 (pip install standardwebhooks)."""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook, seen = Webhook(os.environ["HOLDFAST_EVENTS_SECRET"]), set()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body, headers = self.rfile.read(int(self.headers["content-length"])), dict(self.headers.items())
        try:
            event = webhook.verify(body, headers)
        except WebhookVerificationError:
            self.send_error(401)
            return
        if event["id"] not in seen:  # at least once: the same id is the same event
            seen.add(event["id"])
            print(event["time"], event["type"], event["subject"], event["data"]["detail"], flush=True)
        self.send_response(204)
        self.end_headers()


HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()

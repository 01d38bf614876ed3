"""Records what the providers' official Python SDKs send and sign: `python record_sdks.py > sdk_recordings.json`.

They stand in an environment of their own (cashfree-pg pins urllib3 below 2.1, which nothing else here could live with):
`uv pip install razorpay==2.0.1 cashfree-pg==6.0.1 setuptools`. A new version of an SDK is recorded anew, and the tests say
what changed. Both are free to use: MIT and Apache 2.0.
"""

# mypy: ignore-errors
# The SDKs are not installed where this is checked.

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cashfree_pg.api_client as cashfree_client
import razorpay
from cashfree_pg.api_client import Cashfree
from cashfree_pg.models.create_order_request import CreateOrderRequest
from cashfree_pg.models.customer_details import CustomerDetails
from cashfree_pg.models.order_create_refund_request import OrderCreateRefundRequest

found = []


class Recorder(BaseHTTPRequestHandler):
    def do(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        kept = {name.lower(): value for name, value in self.headers.items() if name.lower().startswith(("x-", "auth"))}
        found.append({"method": self.command, "path": self.path, "headers": kept, "body": json.loads(body or "null")})
        answer = b'{"id": "order_1", "items": []}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do

    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
recorded: dict[str, object] = {}


def record(name, call) -> None:
    found.clear()
    try:
        call()
    except Exception as error:
        if not found:
            raise
        sys.stderr.write(f"{name}: the SDK does not read the recorder's answer: {type(error).__name__}\n")
    recorded[name] = dict(found[0])


REFERENCE, AMOUNT = "0193a2b4-0000-7000-8000-000000000001", 83505
first = razorpay.Client(auth=("key_id_1", "key_secret_1"), base_url=url)
notes = {"attempt": REFERENCE}
record(
    "razorpay create order",
    lambda: first.order.create({"amount": AMOUNT, "currency": "INR", "receipt": REFERENCE, "notes": notes}),
)
record("razorpay order payments", lambda: first.order.payments("order_1"))
record("razorpay orders by receipt", lambda: first.order.all({"receipt": REFERENCE}))
record("razorpay capture", lambda: first.payment.capture("pay_1", AMOUNT, {"currency": "INR"}))
record(
    "razorpay refund",
    lambda: first.payment.refund(
        "pay_1",
        {"amount": AMOUNT, "speed": "normal", "receipt": REFERENCE},
        headers={"X-Refund-Idempotency": REFERENCE},
    ),
)
record("razorpay refund news", lambda: first.refund.fetch("rfnd_1"))
record("razorpay refunds of a payment", lambda: first.payment.fetch_multiple_refund("pay_1"))

configuration = cashfree_client.Configuration


class Local(configuration):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.host = url + "/pg"

    @property
    def host(self):
        return url + "/pg"

    @host.setter
    def host(self, value) -> None:
        pass


cashfree_client.Configuration = Local
second = Cashfree(XEnvironment=Cashfree.SANDBOX, XClientId="client_1", XClientSecret="secret_1")
second.XApiVersion = "2026-01-01"
customer = CustomerDetails(customer_id="0193a2b400007000", customer_phone="9999999999")
order = CreateOrderRequest(
    order_id=REFERENCE,
    order_amount=835.05,
    order_currency="INR",
    customer_details=customer,
    order_expiry_time="2026-11-26T18:30:00+00:00",
)
record("cashfree create order", lambda: second.PGCreateOrder(order))
record("cashfree order", lambda: second.PGFetchOrder(REFERENCE))
record("cashfree order payments", lambda: second.PGOrderFetchPayments(REFERENCE))
record(
    "cashfree refund",
    lambda: second.PGOrderCreateRefund(REFERENCE, OrderCreateRefundRequest(refund_id="r-1", refund_amount=835.05)),
)
record("cashfree refund news", lambda: second.PGOrderFetchRefund(REFERENCE, "r-1"))

body = '{"data":{"order":{"order_amount":170.00}},"type":"PAYMENT_SUCCESS_WEBHOOK"}'
stamp = "1764000000000"
mine = base64.b64encode(hmac.digest(b"secret_1", (stamp + body).encode(), "sha256")).decode()
second.PGVerifyWebhookSignature(mine, body, stamp)  # raises if the SDK does not agree
recorded["cashfree webhook"] = {"body": body, "stamp": stamp, "secret": "secret_1", "signature": mine}
event = '{"entity":"event","event":"payment.captured"}'
signed = hmac.new(b"webhook_1", event.encode(), hashlib.sha256).hexdigest()
first.utility.verify_webhook_signature(event, signed, "webhook_1")
recorded["razorpay webhook"] = {"body": event, "secret": "webhook_1", "signature": signed}
callback = hmac.new(b"key_secret_1", b"order_1|pay_1", hashlib.sha256).hexdigest()
first.utility.verify_payment_signature(
    {"razorpay_order_id": "order_1", "razorpay_payment_id": "pay_1", "razorpay_signature": callback}
)
recorded["razorpay callback"] = {
    "order": "order_1",
    "payment": "pay_1",
    "secret": "key_secret_1",
    "signature": callback,
}
json.dump(recorded, sys.stdout, indent=1, sort_keys=True)

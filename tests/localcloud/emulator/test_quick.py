"""What moto is spared for each request changes no answer."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

_PROGRAM = """
import io, json, os, sys
from localcloud.emulator.__main__ import prepare_environment
prepare_environment()
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "false"  # seconds; test_tables.py looks at them
from localcloud.emulator import draws, quick
if sys.argv[1] == "quick":
    quick.answer_quickly()
draws.install()
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
moto = DomainDispatcherApplication(create_backend_app)

def ask(number, service, body, headers, path="/", method="POST"):
    scope = f"AWS4-HMAC-SHA256 Credential=test/20261126/ap-south-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "RAW_URI": path, "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "4566", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "HTTP_HOST": "127.0.0.1:4566",
        "CONTENT_LENGTH": str(len(body)), "HTTP_AUTHORIZATION": scope, "wsgi.input": io.BytesIO(body.encode()),
        "wsgi.errors": sys.stderr, **headers,
    }
    head = []
    with draws.using(draws.Draws(bytes([number]) * 16)):
        application = moto.get_application(environ)
        answer = b"".join(application(environ, lambda status, fields, _=None: head.extend([status, sorted(fields)])))
    print(json.dumps([*head, answer.decode()]))

FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"}
def form(number, service, body):
    ask(number, service, body, FORM)
def target(number, service, name, body):
    ask(number, service, json.dumps(body), {"CONTENT_TYPE": "application/x-amz-json-1.1", "HTTP_X_AMZ_TARGET": name})

for number in (1, 2):  # twice: what is remembered answers the second time
    form(number, "ec2", "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16")
    form(number, "ec2", "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-none")
    form(number, "iam", "Action=GetRole&Version=2010-05-08&RoleName=nobody")
    form(number, "iam", "Action=CreateUser&Version=2010-05-08&UserName=user-%s" % number)
    form(number, "sts", "Action=GetCallerIdentity&Version=2011-06-15")
    target(number, "logs", "Logs_20140328.CreateLogGroup", {"logGroupName": "group"})
    target(number, "logs", "Logs_20140328.DescribeLogGroups", {})
    target(number, "kms", "TrentService.CreateKey", {})
    target(number, "secretsmanager", "secretsmanager.CreateSecret", {"Name": "secret", "SecretString": "text"})
    ask(number, "s3", "", {}, "/bucket", "PUT")
    ask(number, "s3", "content", {"CONTENT_TYPE": "text/plain"}, "/bucket/key", "PUT")
    ask(number, "s3", "", {}, "/bucket/key", "GET")
    ask(number, "s3", "", {}, "/nobody", "HEAD")
"""

#: What differs from run to run: the time, and so the length of what names it.
_OF_THE_RUN = re.compile(
    r'Content-Length", "\d+|\d{4}-\d\d-\d\dT[\d:.]+Z?|"?\d{10}\.\d+"?|\b1[789]\d{11}\b|\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT'
)
#: Ids of requests, and of nothing else.
_REQUEST_ID = re.compile(r'(?<=x-amzn-requestid", ")[A-Za-z0-9]{52}|(?<=<RequestId>)[A-Za-z0-9]{52}')


def test_answers_are_those_of_moto_itself() -> None:
    plain, quick = (
        subprocess.run([sys.executable, "-c", _PROGRAM, way], capture_output=True, text=True, check=True).stdout
        for way in ("plain", "quick")
    )
    assert len(plain.splitlines()) == 26
    statuses = [json.loads(line)[0] for line in plain.splitlines()]
    assert {status[:3] for status in statuses} >= {"200", "400", "404"}
    assert len(_REQUEST_ID.findall(quick)) == len(_REQUEST_ID.findall(plain)) > 20

    def lasting(text: str) -> str:
        return _REQUEST_ID.sub("ID", _OF_THE_RUN.sub("TIME", text))

    assert lasting(quick) == lasting(plain)

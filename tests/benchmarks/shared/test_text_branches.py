"""Ways from the tokens of a text tower to S_Y: how they begin, what they learn and what they leave as it is."""

import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from benchmarks.shared.caption_heads import Batch  # noqa: E402
from benchmarks.shared.text_branches import (  # noqa: E402
    FORMS,
    Members,
    TextBranch,
    loss_of,
    mixed,
    paraphrase_loss,
    train,
)
from benchmarks.shared.token_states import TokenStates  # noqa: E402
from jepa_retrieval.models.config import BertConfig  # noqa: E402
from jepa_retrieval.models.modules.bert import Bert  # noqa: E402
from jepa_retrieval.models.modules.fixed_directions import (  # noqa: E402
    FixedDirections,
    HeadWithFixedDirections,
)
from jepa_retrieval.models.modules.vl_jepa import TextBatch  # noqa: E402

WIDTH, SIZE, FIXED = 24, 8, 3
MEMBERS = Members(1, SIZE)
WORDS = ["a", "dog", "cat", "chases", "red", "ball"]
CAPTIONS = [("a dog chases a cat", "a dog chases a red cat"), ("a red ball", "a ball")]
BATCH = Batch(
    torch.nn.functional.normalize(torch.eye(2, SIZE + FIXED), dim=-1),
    CAPTIONS,
    [(0, "a cat chases a dog")],
    [(0, "a red dog chases a cat")],
)
TEXTS = [text for pair in CAPTIONS for text in pair]


@pytest.fixture
def model() -> Any:
    """A text tower of three layers with a head, of random weights."""
    torch.manual_seed(0)
    section = BertConfig(
        kind="bert",
        source=None,
        tokenizer="",
        vocabulary=len(WORDS) + 1,
        width=WIDTH,
        layers=3,
        heads=2,
        mlp_width=32,
    )
    fixed = FixedDirections(WIDTH, size=FIXED, share=0.1)
    fixed.fit(torch.randn(10, WIDTH))

    def tokenise(texts: Sequence[str]) -> TextBatch:
        rows = [[1 + WORDS.index(word) for word in text.split()] for text in texts]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        return TextBatch(ids, (ids > 0).long())

    head = HeadWithFixedDirections(torch.nn.Linear(WIDTH, SIZE), fixed)
    tower = Bert(section).eval().requires_grad_(False)
    return SimpleNamespace(y_encoder=SimpleNamespace(tower=tower, head=head), tokenise_targets=tokenise)


def branch_of(model: Any, form: str) -> TextBranch:
    return TextBranch(model.y_encoder.head, TokenStates(model, last_layers=2), form)


@pytest.mark.parametrize("form", FORMS)
def test_a_branch_begins_as_the_models_own_y_encoder(model: Any, form: str) -> None:
    batch = model.tokenise_targets(TEXTS)
    tokens, mask = model.y_encoder.tower(batch.ids, batch.mask), batch.mask[..., None]
    wanted = model.y_encoder.head((tokens * mask).sum(1) / mask.sum(1))
    found = branch_of(model, form)(TEXTS)
    assert found.norm(dim=1).tolist() == pytest.approx([1.0] * len(TEXTS), abs=1e-4)
    assert (found * wanted).sum(1).min() > 0.999  # in half precision


def test_texts_come_back_in_their_order_whatever_their_lengths(model: Any) -> None:
    branch = branch_of(model, "thawed layers")
    alone = torch.cat([branch([text]) for text in TEXTS])
    assert torch.allclose(branch(TEXTS), alone, atol=0.02)
    assert torch.allclose(branch(TEXTS[::-1]), alone.flip(0), atol=0.02)


@pytest.mark.parametrize("form", FORMS)
def test_training_lowers_the_loss_and_changes_the_branch_alone(model: Any, form: str) -> None:
    branch = branch_of(model, form)
    before = [weight.detach().clone() for weight in branch.parameters()]
    tower = [weight.clone() for weight in model.y_encoder.tower.parameters()]
    head = [weight.detach().clone() for weight in model.y_encoder.head.parameters()]
    first = float(loss_of(branch, BATCH, MEMBERS).detach())
    train(branch, itertools.repeat(BATCH), MEMBERS, steps=8, seed=0)
    assert float(loss_of(branch, BATCH, MEMBERS).detach()) < first
    assert all(not torch.equal(*pair) for pair in zip(branch.head.learnt.parameters(), before, strict=False))
    assert all(torch.equal(*pair) for pair in zip(model.y_encoder.tower.parameters(), tower, strict=True))
    assert all(torch.equal(*pair) for pair in zip(model.y_encoder.head.parameters(), head, strict=True))


def test_a_share_of_the_change_lies_between_before_and_after(model: Any) -> None:
    branch = branch_of(model, "thawed layers")
    before = [weight.detach().clone() for weight in branch.parameters()]
    start = branch(TEXTS).detach()
    train(branch, itertools.repeat(BATCH), MEMBERS, steps=3, seed=0)
    trained = branch(TEXTS).detach()
    assert torch.allclose(mixed(before, branch, share=0.0)(TEXTS), start, atol=1e-5)
    assert torch.allclose(mixed(before, branch, share=1.0)(TEXTS), trained, atol=1e-5)
    assert torch.equal(branch(TEXTS).detach(), trained)  # which a share leaves as it is
    for half, old, new in zip(
        mixed(before, branch, share=0.5).parameters(), before, branch.parameters(), strict=True
    ):
        assert torch.allclose(half, (old + new) / 2, atol=1e-6)


def test_two_captions_of_a_picture_should_be_nearer_than_the_wrong_one() -> None:
    unit = torch.nn.functional.normalize
    captions = unit(torch.tensor([[1.0, 0.2, 0], [1, -0.2, 0], [0, 0, 1]]), dim=-1)
    owned = torch.tensor([[0, 1], [2, 2]])  # the second picture has one caption
    near, far = unit(torch.tensor([[1.0, 0.1, 0]]), dim=-1), torch.tensor([[0.0, 1.0, 0]])
    assert paraphrase_loss(captions, far, owned) < paraphrase_loss(captions, near, owned)
    assert float(paraphrase_loss(captions, near, owned[1:])) == 0.0

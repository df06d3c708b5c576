"""Small networks for experiments: what they learn from made pictures and captions that share a hidden meaning."""

import pytest

torch = pytest.importorskip("torch")

from benchmarks.shared.caption_networks import (  # noqa: E402 - needs PyTorch
    CaptionNetwork,
    Form,
    Pictures,
    Statistics,
    averaged,
    recalls,
    scores,
    train,
)
from benchmarks.shared.picture_teachers import Teachers  # noqa: E402

COUNT = 48
STEPS = 25
pytestmark = pytest.mark.usefixtures("one_thread")


def made_pictures() -> tuple[Pictures, torch.Tensor]:
    """Tokens, concepts and texts are random views of one vector each; every picture has two captions."""
    random = torch.Generator().manual_seed(3)
    meaning = torch.randn(COUNT, 8, generator=random)
    tokens = (meaning @ torch.randn(8, 24, generator=random))[:, None].half()
    concepts = (meaning @ torch.randn(8, 6, generator=random))[:, None]
    texts = (meaning @ torch.randn(8, 12, generator=random)).repeat_interleave(2, dim=0)
    texts = texts + 0.1 * torch.randn(texts.shape, generator=random)
    examples = [(row, [2 * row, 2 * row + 1]) for row in range(COUNT)]
    return Pictures("made", tokens, concepts, examples), texts


def recall(network: CaptionNetwork, pictures: Pictures, texts: torch.Tensor) -> float:
    return recalls(*scores(network, pictures, texts))[0]


@pytest.mark.parametrize("options", [{}, {"loss": "sigmoid"}, {"mixed": 0.5}, {"blocks": 2}])
def test_each_form_learns_to_find_the_right_picture(options: dict[str, object]) -> None:
    pictures, texts = made_pictures()
    network = train([pictures], [COUNT], texts, Form(seed=0, steps=STEPS, **options))
    assert recall(network, pictures, texts) > 40  # 2 by chance


def test_the_mean_of_two_orders_from_one_start_still_finds_pictures() -> None:
    pictures, texts = made_pictures()
    networks = [train([pictures], [COUNT], texts, Form(seed=seed, start=0, steps=STEPS)) for seed in (0, 1)]
    assert recall(averaged(networks), pictures, texts) > 40
    first, second = (network.enter.weight for network in networks)
    assert torch.allclose(averaged(networks).enter.weight, (first + second) / 2)


def test_a_student_learns_what_its_teacher_says_and_not_what_the_captions_say() -> None:
    pictures, texts = made_pictures()
    shifted = torch.eye(COUNT).roll(1, dims=0)  # the teacher sees in every picture what its neighbour shows
    of_texts = torch.eye(COUNT).repeat_interleave(2, dim=0)
    teachers = Teachers(1, {"made": shifted[:, None].half()}, of_texts.half())
    form = Form(seed=0, steps=2 * STEPS, teachers=teachers, teacher_share=1.0, smoothing=0.0)
    similarity, owners = scores(train([pictures], [COUNT], texts, form), pictures, texts)
    wanted = (owners + 1) % COUNT
    assert recalls(similarity, wanted)[0] > recalls(similarity, owners)[0] + 20


def test_only_what_is_kept_is_learnt() -> None:
    pictures, texts = made_pictures()
    kept = torch.arange(COUNT) < COUNT // 2
    form = Form(seed=0, steps=STEPS, kept={"made": kept})
    network = train([pictures], [COUNT // 2], texts, form)
    similarity, owners = scores(network, pictures, texts)
    found = (similarity.argmax(dim=1) == owners).float()
    assert found[kept[owners]].mean() > found[~kept[owners]].mean()


def test_ties_are_misses() -> None:
    assert recalls(torch.ones(4, 4), torch.arange(4)) == [0.0, 100.0, 100.0]


def test_statistics_leave_channels_that_never_change_finite() -> None:
    pictures, texts = made_pictures()
    texts[:, 0] = 1.0
    network = CaptionNetwork(Statistics.of([pictures], texts)).eval()
    assert torch.isfinite(network.embed_texts(texts)).all()

"""open_clip models worth a choice, from small to large, with the figures that open_clip publishes of them.

Figures: docs/openclip_results.csv and docs/openclip_retrieval_results.csv of mlfoundations/open_clip at 29b90b8d.
They are zero-shot: top-1 on ImageNet-1k, and recall@1 of COCO's pictures for a caption. There are many more;
`open_clip.list_pretrained()` has all.
"""

from __future__ import annotations

from dataclasses import dataclass

from jepa_retrieval.models.hub import Repository


@dataclass(frozen=True)
class OpenClipChoice:
    """A pretrained tag of open_clip."""

    architecture: str
    tag: str
    repository: str  # on the Hugging Face hub
    parameters: float  # millions, both towers
    gflops: float  # of a picture and a text
    embedding_size: int
    image_size: int  # pixels
    imagenet: float  # zero-shot top-1, percent
    coco: float  # zero-shot text to image, recall@1, percent
    plain_tokenizer: bool  # CLIP's own: a text search then needs no PyTorch

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return f"open_clip:{self.architecture}/{self.tag}"

    @property
    def is_here(self) -> bool:
        """Whether its weights are on this machine."""
        repository = Repository(self.repository)
        files = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
        return any(repository.find(file) for file in files)


RECOMMENDED = (
    OpenClipChoice(
        "ViT-B-32-256",
        "datacomp_s34b_b86k",
        "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        *(151.29, 17.46, 512, 256, 72.81, 39.93, True),
    ),
    OpenClipChoice(
        "ViT-B-16",
        "datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
        *(149.62, 41.09, 512, 224, 73.49, 40.16, True),
    ),
    OpenClipChoice(
        "ViT-B-16-SigLIP",
        "webli",
        "timm/ViT-B-16-SigLIP",
        *(203.16, 46.44, 768, 224, 76.04, 47.78, False),
    ),
    OpenClipChoice(
        "ViT-L-14",
        "datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
        *(427.62, 175.33, 768, 224, 79.21, 45.73, True),
    ),
    OpenClipChoice(
        "ViT-L-14-quickgelu",
        "dfn2b",
        "apple/DFN2B-CLIP-ViT-L-14",
        *(427.62, 175.33, 768, 224, 81.41, 48.56, True),
    ),
    OpenClipChoice(
        "ViT-L-16-SigLIP-256",
        "webli",
        "timm/ViT-L-16-SigLIP-256",
        *(652.15, 201.62, 1024, 256, 80.45, 52.28, False),
    ),
    OpenClipChoice(
        "ViT-H-14-quickgelu",
        "dfn5b",
        "apple/DFN5B-CLIP-ViT-H-14",
        *(986.11, 381.68, 1024, 224, 83.44, 53.91, True),
    ),
)

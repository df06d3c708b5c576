"""Trains and kills itself with SIGKILL at a given step.  usage: killed_run.py RECIPE STEP"""

import os
import signal
import sys
from pathlib import Path

from jepa_retrieval.training.config import load_config
from jepa_retrieval.training.progress import TrainProgress
from jepa_retrieval.training.stages import train


def main(recipe: Path, step: int) -> None:
    def kill(progress: TrainProgress) -> None:
        if progress.activity == "train" and progress.done >= step:
            os.kill(os.getpid(), signal.SIGKILL)

    train(load_config(recipe), "pretrain", on_progress=kill)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

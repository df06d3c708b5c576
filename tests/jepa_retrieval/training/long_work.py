"""Run by two processes: the first works longer than operations between them may take.  usage: long_work.py OUTPUT"""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import torch.distributed as dist

from jepa_retrieval.training.distributed import group_for_long_waits, main_process_first, wait_for_all

if __name__ == "__main__":
    output = Path(sys.argv[1])
    (output / f"started {os.environ['RANK']}").touch()
    while len(list(output.glob("started *"))) < int(os.environ["WORLD_SIZE"]):
        time.sleep(0.01)  # importing PyTorch may take one process longer than operations may
    dist.init_process_group("gloo", timeout=timedelta(seconds=2))
    group_for_long_waits()
    rank = dist.get_rank()
    with main_process_first():
        if rank == 0:
            time.sleep(3)
    if rank == 0:
        time.sleep(3)
    wait_for_all()
    (output / f"finished {rank}").touch()
    dist.destroy_process_group()

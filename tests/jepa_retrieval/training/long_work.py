"""Run by two processes: the first works longer than operations between them may take.  usage: long_work.py OUTPUT"""

import sys
import time
from datetime import timedelta
from pathlib import Path

import torch.distributed as dist

from jepa_retrieval.training.distributed import group_for_long_waits, main_process_first, wait_for_all

if __name__ == "__main__":
    dist.init_process_group("gloo", timeout=timedelta(seconds=3))
    group_for_long_waits()
    rank = dist.get_rank()
    with main_process_first():
        if rank == 0:
            time.sleep(6)
    if rank == 0:
        time.sleep(6)
    wait_for_all()
    (Path(sys.argv[1]) / str(rank)).touch()
    dist.destroy_process_group()

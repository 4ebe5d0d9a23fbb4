"""PyTorch eager, for a checkpoint: the only engine that loads torch, so that every command can run one."""

import threading
from pathlib import Path

import numpy as np
import torch

from dfdetect.deploy.checkpoint_facts import facts_of_checkpoint
from dfdetect.deploy.engines.engine import Batch, Scores, refuse_provider
from dfdetect.deploy.export.network import ExportNetwork
from dfdetect.models.checkpoint import read_detector_checkpoint
from dfdetect.models.cost import load_detector


class CheckpointEngine:
    """A checkpoint of dfdetect in PyTorch eager, fp32.

    The number of threads is torch's own, one for the whole process: it is set for each run and put back.

    Args:
        file: the checkpoint; no code in it runs.
        threads: of one run.
        provider: `cpu` or `cuda`; None for CUDA where there is one.
    """

    def __init__(self, file: Path, threads: int, provider: str | None = None) -> None:
        checkpoint = read_detector_checkpoint(file)
        self.facts = facts_of_checkpoint(checkpoint, file)
        known = ["CPU", *(["CUDA"] if torch.cuda.is_available() else [])]
        self.provider = (provider or known[-1]).upper()
        if self.provider not in known:
            raise refuse_provider(self.provider, known)
        self._network = ExportNetwork(load_detector(checkpoint)).to(self.provider.lower()).eval()
        self.name, self.threads = f"PyTorch {torch.__version__} eager", threads
        self._lock = threading.Lock()

    def __call__(self, batch: Batch) -> tuple[Scores, Scores | None]:
        """As `Engine`."""
        pixels = torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2))).to(self.provider.lower())
        with self._lock, torch.inference_mode():
            before = torch.get_num_threads()
            torch.set_num_threads(self.threads)
            try:
                p_fake, *heatmap = self._network(pixels)
            finally:
                torch.set_num_threads(before)
        return p_fake.cpu().numpy(), heatmap[0].cpu().numpy() if heatmap else None

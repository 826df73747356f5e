"""Whole folders of finished runs, written by hand: what an experiment reads of them, without a training."""

import json

import numpy as np

from cmr.config import ModelConfig, RunConfig, TrainConfig
from cmr.evaluation import metrics
from cmr.evaluation.query_ranks import QueryRanks
from cmr.workspace.runs import Run

NUM_IMAGES = 40
IMAGE_OF_CAPTION = np.repeat(np.arange(NUM_IMAGES), 5)


_CHANCE = metrics.random_ranking([5] * NUM_IMAGES).to_dict()
METRICS = {"test": _CHANCE, "random_ranking": _CHANCE, "features": "VGG features scene_cnn-objects", "notes": []}


def write(run: Run, seed: int = 0, factor: float = 1.0, captions: str = "checksum") -> None:
    """Writes a run.

    Args:
      run: its folder.
      seed: of the run, and of its ranks.
      factor: what every rank is multiplied by; less than 1 is better than the others of the same seed.
      captions: checksum of captions.csv.
    """
    random = np.random.default_rng(seed)
    ranks = QueryRanks(
        *(_scaled(random.geometric(0.1, number), factor) for number in (NUM_IMAGES, len(IMAGE_OF_CAPTION))),
        IMAGE_OF_CAPTION,
    )
    run.path.mkdir(parents=True, exist_ok=True)
    ranks.write(run.test_ranks_npz)
    run.start(_config(seed, captions), "")
    # Validation is worse than test, and its best epoch neither the first nor the last.
    validation = QueryRanks(ranks.sentence_retrieval * 2, ranks.image_retrieval * 2, IMAGE_OF_CAPTION)
    epochs = [_CHANCE, validation.metrics().to_dict(), _CHANCE]
    run.history_json.write_text(json.dumps([{"epoch": epoch, "val": val} for epoch, val in enumerate(epochs)]))
    run.write_metrics({**METRICS, "test": ranks.metrics().to_dict()})


def _scaled(ranks: np.ndarray, factor: float) -> np.ndarray:
    return np.minimum(np.ceil(ranks * factor), NUM_IMAGES).astype(np.int64)


def _config(seed: int, captions: str) -> RunConfig:
    model = ModelConfig("fusion", 10, 14, 30)
    train = TrainConfig(0.7, "sum", "epoch", 0, 40, 1e-3, 2.0, 3, 3, 500, seed)
    return RunConfig("scenes", model, train, "objects", "layout", "linear", {"captions.csv": captions})

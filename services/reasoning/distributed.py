"""Chain-of-Empathy learning on several workers of Ray Train: each takes its share of the batches.

`Trainer` sums the gradients itself, so a run on N workers takes the steps that a run on one would
take with batches N times as large. All workers must reach data, model and output by the same paths.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from runtime.errors import Internal
from services.reasoning.trainer import Progress
from services.reasoning.training import learn
from services.reasoning.training_config import TrainingConfig

_LOG = logging.getLogger(__name__)
_TOLD = 10
"""Steps from one message in the log to the next."""


def learn_on(workers: int, config: TrainingConfig, paths: Sequence[Path], home: Path, out: Path) -> None:
    """Does what `training.learn` does on several workers; starts Ray if none runs.

    Args:
        workers: How many; each takes a GPU if there are any, else a core.
        config: See `learn`.
        paths: See `learn`.
        home: See `learn`.
        out: See `learn`.

    Raises:
        Internal: A worker failed; the message has its error.
    """
    import torch
    from ray.train import ScalingConfig
    from ray.train.torch import TorchTrainer

    def work() -> None:
        def tell(at: Progress) -> None:
            if at.step % _TOLD == 0 or at.step == at.steps:
                _LOG.info("step %d of %d, loss %.3f", at.step, at.steps, at.loss)

        learn(config, [path.resolve() for path in paths], home, out.resolve(), tell)

    scaling = ScalingConfig(num_workers=workers, use_gpu=torch.cuda.is_available())
    try:
        TorchTrainer(work, scaling_config=scaling).fit()
    except Exception as error:  # Ray wraps whatever a worker raised.
        raise Internal(f"the training failed: {error}", reason="TRAINING_FAILED") from error

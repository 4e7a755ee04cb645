"""How long to train, and the course of the learning rate meanwhile.

A network learns in steps, each with a batch of galaxies. Twice as many galaxies do not need twice
as many steps, so a fixed number of epochs is too short for few galaxies or too long for many.
"""

import math
from collections.abc import Callable
from typing import Any

import keras

from skgalaxy._validation import check_int

__all__ = [
    "SCHEDULES",
    "auto_epochs",
    "auto_rate",
    "check_epochs",
    "refuse_two_schedules",
    "schedule_callbacks",
]

_STEPS_AT_ONE = 250
_STEPS_FROM_TRUNK = 125  # a network that has seen galaxies has less to learn
_FACTOR_OF_SEVERAL = 2  # questions
_LEAST_STEPS_ON = 200  # of a training that goes on
_RATE_ON = 1 / 3  # of it, as a factor: what was learned is kept

# factors of the learning rate, by the fraction of steps done
SCHEDULES: dict[str, Callable[[float], float]] = {
    # Loshchilov & Hutter 2017 (arXiv:1608.03983): cosine annealing, without restarts
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
}


def auto_epochs(
    n_images: int,
    batch_size: int,
    *,
    from_trunk: bool = False,
    n_known: int = 0,
    n_questions: int = 1,
) -> int:
    """Epochs that hold about 250 sqrt(n_images) steps of training, or half of them `from_trunk`.

    A network of several questions has more to learn, and takes twice as many.

    A training that goes on, because its network knows `n_known` of the images, takes the steps
    that the other images add, 250 (sqrt(n_images) - sqrt(n_known)), and at least 200. All trainings
    of a loop together then take little more than a single one at its end.

    ``benchmarks/training_length.py`` compares these lengths with shorter and longer training, and
    ``benchmarks/warm_rounds.py`` trainings that go on with those from scratch, and
    ``benchmarks/tree_study.py`` networks of several questions with those of one.

    Examples
    --------
    >>> from skgalaxy.networks.schedule import auto_epochs
    >>> [auto_epochs(n_images, batch_size=16) for n_images in (64, 600, 5000)]
    [500, 162, 57]
    >>> auto_epochs(600, batch_size=16, n_known=550)
    7
    >>> auto_epochs(600, batch_size=16, n_questions=11)
    324
    """
    steps_per_epoch = math.ceil(n_images / batch_size)
    steps_at_one = _STEPS_FROM_TRUNK if from_trunk else _STEPS_AT_ONE
    steps = steps_at_one * (math.sqrt(n_images) - math.sqrt(n_known))
    epochs = math.ceil(max(steps, _LEAST_STEPS_ON if n_known else 0) / steps_per_epoch)
    return epochs * (_FACTOR_OF_SEVERAL if n_questions > 1 else 1)


def auto_rate(learning_rate: float, n_known: int) -> float:
    """Learning rate of a training: a third of it if the network knows images and goes on."""
    return learning_rate * _RATE_ON if n_known else learning_rate


def check_epochs(epochs: Any) -> None:
    """Raise ValueError or TypeError unless `epochs` is "auto" or an integer >= 1."""
    if not isinstance(epochs, str):
        check_int(epochs, "epochs", 1)
    elif epochs != "auto":
        raise ValueError(f"`epochs` must be 'auto' or an integer >= 1. Got {epochs!r}.")


def refuse_two_schedules(schedule: str, callbacks: Any) -> None:
    """Raise ValueError if a callback sets the learning rate that a schedule sets, too."""
    setters = keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau
    for callback in callbacks or []:
        if schedule != "constant" and isinstance(callback, setters):
            raise ValueError(
                f"`callbacks` must leave the learning rate to `schedule`. Got "
                f"{type(callback).__name__} and schedule={schedule!r}; set schedule='constant'."
            )


def schedule_callbacks(schedule: str, start: float, n_steps: int) -> list[keras.callbacks.Callback]:
    """Callbacks that lower the learning rate from `start` over `n_steps`; none if constant."""
    return [] if schedule == "constant" else [_Schedule(SCHEDULES[schedule], start, n_steps)]


class _Schedule(keras.callbacks.Callback):
    """Callback that sets the learning rate before every step, and logs it every epoch."""

    def __init__(self, course: Callable[[float], float], start: float, n_steps: int) -> None:
        super().__init__()
        self.course, self.start, self.n_steps = course, start, n_steps
        self.step = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        rate = self.start * self.course(self.step / self.n_steps)
        self.model.optimizer.learning_rate = rate
        self.step += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)

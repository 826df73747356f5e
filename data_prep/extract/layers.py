"""What is read of a CNN: its features, those of several stages, its last map as a grid, or its classes."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer that may take the place of a CNN's usual one.

    Attributes:
      name: `stages3`, `grid`, `grid4x4`, `predictions`; "" for the usual layer.
      is_grid: whether rows are `[cells, feature_dim]`.
      side: cells along a side of the grid; 0 for the map's own.
      is_predictions: whether it is the output of the classifier's softmax.
      stages: how many of the CNN's last stages are read, their means side by side; 1 for the usual layer.
      of_paper: what a paper of the systems that read it has in its place; "" for the usual layer.
      stand_in: that, where no CNN's layer is it; else "".
    """

    name: str = ""
    is_grid: bool = False
    side: int = 0
    is_predictions: bool = False
    stages: int = 1
    of_paper: str = ""
    stand_in: str = ""

    @property
    def reads_maps(self) -> bool:
        """Whether it is made of maps, and not of the usual layer's vector."""
        return self.is_grid or self.stages > 1


FEATURES = Layer()
# ConSE's paper has a network trained on ImageNet's classes, as all of these are.
PREDICTIONS = Layer("predictions", is_predictions=True, of_paper="a trained classifier")
_REGIONS = "R-CNN regions"


def stages(number: int) -> Layer:
    """The means of the last `number` stages' maps (`stages.means_of`); 1: the usual layer."""
    return Layer(f"stages{number}", stages=number) if number > 1 else FEATURES


def grid(side: int) -> Layer:
    """The last map as a grid of `side` x `side` cells; 0 for the map's own.

    The papers of Deep Fragment and DVSA detect regions by R-CNN; no cell of a grid is one.
    """
    name = f"grid{side}x{side}" if side else "grid"
    return Layer(name, is_grid=True, side=side, of_paper=_REGIONS, stand_in=_REGIONS)

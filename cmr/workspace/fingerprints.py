"""Whether two machines' features are equal but for rounding, said without having both.

A CNN's products are added up in another order on another CPU, so the features that two machines extract from the same
pictures differ in their last digits, and so do their checksums. A few random projections of all values, which fit into
a line of JSON, say how far two sets of features are apart.

Reference: Alon, Matias, Szegedy, "The space complexity of approximating the frequency moments", 1996 (section 2.2; the
signs here are products of an image's and a value's).
"""

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cmr.workspace.json_kinds import Listed, Number, Record, Sha256

# Projections.
SIZE = 16

# Relative to the norm. CPUs differ by some 1e-6; a single other picture among 120,000 by 1e-3 to 4e-3. A GPU that
# rounds to fewer digits than float32 (TF32, float16) makes other features.
ROUNDING = 3e-4

KIND = Record(
    {"sha256": Sha256()}, optional={"norm": Number(at_least=0.0), "projections": Listed(Number(at_least=-math.inf))}
)


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """A checksum of features F `[num_images, ...]`, and random projections: sum of r_i s_j F_ij.

    Attributes:
      sha256: of all bytes.
      norm: Frobenius norm of F.
      projections: `SIZE` numbers, each for other signs r of the images and s of the values; none where nobody knows.
    """

    sha256: str
    norm: float = 0.0
    projections: tuple[float, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether its projections are known, which older versions did not compute."""
        return len(self.projections) == SIZE

    def difference(self, other: "Fingerprint") -> float:
        """Estimates the norm of the difference, relative to the larger norm; infinite where it is not known.

        A projection of the difference has the difference's squared norm as the mean of its square over the signs.
        """
        if self.sha256 == other.sha256:
            return 0.0
        largest = max(self.norm, other.norm)
        if not largest or not self.is_whole or not other.is_whole:
            return math.inf
        apart = math.dist(self.projections, other.projections) / math.sqrt(SIZE)
        # Norms are no further apart than their vectors.
        return max(apart, abs(self.norm - other.norm)) / largest

    def is_same(self, other: "Fingerprint") -> bool:
        """Whether both are of the same images' features by the same CNN, equal but for rounding."""
        return self.difference(other) <= ROUNDING

    def to_dict(self) -> dict[str, Any]:
        """For JSON, of `KIND`; `from_dict` is the inverse."""
        return {"sha256": self.sha256, "norm": self.norm, "projections": list(self.projections)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Fingerprint":
        """The inverse of `to_dict`."""
        return cls(values["sha256"], values.get("norm", 0.0), tuple(values.get("projections", ())))


class Projecting:
    """The projections in the making, of blocks of rows.

    Args:
      values: of a row.
    """

    def __init__(self, values: int):
        # Their names are no image's.
        self._signs_of_values = _signs(f"value {number}" for number in range(values))
        self._squares = 0.0
        self._projections = np.zeros(SIZE)

    def add(self, image_ids: Sequence[str], rows: np.ndarray) -> None:
        """Takes further rows, `[len(image_ids), ...]` of any float type."""
        values = np.asarray(rows, np.float64).reshape(len(image_ids), -1)
        self._squares += float(np.sum(np.square(values)))
        self._projections += np.sum(_signs(image_ids) * (values @ self._signs_of_values), axis=0)

    def fingerprint(self, sha256: str) -> Fingerprint:
        """Of all rows so far, whose checksum that is."""
        return Fingerprint(sha256, math.sqrt(self._squares), tuple(self._projections.tolist()))


def _signs(names: Iterable[str]) -> np.ndarray:
    """`[names, SIZE]` float64: -1 or 1, of an image whatever row it has."""
    digests = b"".join(hashlib.blake2b(each.encode("utf-8"), digest_size=SIZE // 8).digest() for each in names)
    bits = np.unpackbits(np.frombuffer(digests, np.uint8)).reshape(-1, SIZE)
    return bits.astype(np.float64) * 2.0 - 1.0

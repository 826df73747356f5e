"""What a stage of tf.data raises comes out as it was raised."""

import pytest
import tensorflow as tf

from cmr.errors import DataError, WorkspaceError
from cmr.training.stage_errors import with_stage_errors


def pipeline(error):
    """Numbers up to 2, behind which a stage raises."""

    def stage(number):
        if number == 2:
            raise error
        return number

    numbers = tf.data.Dataset.range(4)
    return numbers.map(lambda number: tf.numpy_function(stage, [number], tf.int64), num_parallel_calls=1)


@pytest.mark.parametrize("kind", [DataError, WorkspaceError])
def test_an_error_of_ours_is_raised_again_with_its_sentence_alone(kind):
    read = []

    with pytest.raises(kind) as raised:
        read.extend(int(number) for number in with_stage_errors(pipeline(kind("a.npy is cut: restore it"))))

    assert str(raised.value) == "a.npy is cut: restore it"


def test_another_error_stays_as_it_is():
    with pytest.raises(tf.errors.OpError, match="ValueError: a mistake"):
        list(with_stage_errors(pipeline(ValueError("a mistake"))))

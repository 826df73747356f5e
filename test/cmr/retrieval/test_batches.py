"""Training batches: what each holds, going on within an epoch, and the parts of replicas and workers."""

import dataclasses

import numpy as np
import pytest
import random_teachers

from cmr.config import TrainConfig
from cmr.data.order import Schedule
from cmr.errors import ConfigError
from cmr.retrieval import batches

BASE = TrainConfig(batch_size=20, seed=3)


def schedule_of(lengths, **changed):
    return Schedule(np.asarray(lengths), dataclasses.replace(BASE, **changed))


@pytest.mark.parametrize(
    ("changed", "flag"),
    [({"batch_size": 20}, "--batch_size=20"), ({"batch_size": 21, "num_negatives": 20}, "--num_negatives=20")],
)
def test_a_batch_that_replicas_cannot_share_is_refused_with_its_flag(changed, flag):
    with pytest.raises(ConfigError, match=f"{flag} can't be shared out to 3 replicas"):
        batches.check_replicas(dataclasses.replace(BASE, **changed), 3)


def test_a_batch_that_replicas_can_share_is_taken():
    batches.check_replicas(dataclasses.replace(BASE, batch_size=6, num_negatives=9), 3)


@pytest.fixture(scope="module")
def train(scenes_inputs):
    return scenes_inputs.split("train")


def read(train, first_step=0, num_replicas=1, worker=0, num_workers=1, teachers=None, **changed):
    schedule = schedule_of(train.lengths, **changed)
    dataset = batches.training_batches(train, schedule, 1, first_step, num_replicas, worker, num_workers, teachers)
    return list(dataset.as_numpy_iterator())


def assert_same_batches(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_a_batch_holds_the_words_features_and_images_of_its_queries_then_of_its_negatives(train):
    queries, negatives = schedule_of(train.lengths).epoch(1)

    batches_read = read(train)

    assert len(batches_read) == len(queries)
    for batch, captions in zip(batches_read, np.concatenate([queries, negatives], axis=1), strict=True):
        images = train.image_of_caption[captions]
        np.testing.assert_array_equal(batch["caption"], train.padded(captions))
        np.testing.assert_array_equal(batch["image_row"], images)
        for name, features in train.image_inputs(images).items():
            np.testing.assert_array_equal(batch[name], features)


@pytest.mark.parametrize("num_replicas", [1, 2])
def test_beside_a_pair_stands_what_teachers_say_of_it_and_the_rest_is_as_without_them(train, num_replicas):
    teachers = random_teachers.rows_of(train)

    plain, taught = read(train, num_replicas=num_replicas), read(train, num_replicas=num_replicas, teachers=teachers)

    queries, negatives = schedule_of(train.lengths).epoch(1)
    size = 20 // num_replicas
    for step, parts in enumerate(zip(*(taught[replica::num_replicas] for replica in range(num_replicas)), strict=True)):
        for replica, part in enumerate(parts):
            own = slice(replica * size, (replica + 1) * size)
            captions = np.concatenate([queries[step][own], negatives[step][own]])
            images, sentences = teachers.take(train.image_of_caption[captions], captions)
            np.testing.assert_array_equal(part.pop("teacher_image"), images)
            np.testing.assert_array_equal(part.pop("teacher_caption"), sentences)
    assert_same_batches(taught, plain)


@pytest.mark.parametrize("first_step", [1, 3, 6, 7])
def test_an_epoch_resumed_at_a_step_yields_the_rest_of_it(train, first_step):
    assert_same_batches(read(train, first_step), read(train)[first_step:])


@pytest.mark.parametrize("num_negatives", [0, 10])
def test_the_parts_of_the_replicas_make_up_the_whole_batch(train, num_negatives):
    whole, parts = read(train, num_negatives=num_negatives), read(train, num_replicas=2, num_negatives=num_negatives)

    assert len(parts) == 2 * len(whole)
    for batch, first, second in zip(whole, parts[::2], parts[1::2], strict=True):
        for name in ("image_row", "vgg_features", "image_features"):
            queries = np.concatenate([first[name][:10], second[name][:10]])
            negatives = np.concatenate([first[name][10:], second[name][10:]])
            np.testing.assert_array_equal(np.concatenate([queries, negatives]), batch[name])


def test_workers_read_the_parts_of_their_own_replicas(train):
    of_all = read(train, num_replicas=4)

    first, second = (read(train, num_replicas=4, worker=worker, num_workers=2) for worker in range(2))

    assert_same_batches(first, [part for number, part in enumerate(of_all) if number % 4 in (0, 1)])
    assert_same_batches(second, [part for number, part in enumerate(of_all) if number % 4 in (2, 3)])

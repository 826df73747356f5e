"""What a fork server imports once for all workers of the tests: TensorFlow and what cmr.train needs."""

from cmr.cli import startup

startup.import_tensorflow(show_logs=False)

import cmr.retrieval.summaries  # noqa: E402
import cmr.retrieval.trainer  # noqa: E402
import cmr.trained.final_evaluation  # noqa: E402, F401

"""What is used of Apache Beam, imported without its remarks on packages of a cloud that are not installed."""

import logging

logging.disable(logging.WARNING)
try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
    from apache_beam.pvalue import TaggedOutput
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from apache_beam.runners.runner import PipelineState
    from apache_beam.utils.shared import Shared
finally:
    logging.disable(logging.NOTSET)

__all__ = ["FnApiRunner", "PipelineOptions", "PipelineState", "PortableOptions", "Shared", "TaggedOutput", "beam"]

"""Package `cmr` with `data_prep` and `experiments`."""

import pathlib

import setuptools

setuptools.setup(
    name="cmr",
    version="0.1.0",
    description="Image-sentence retrieval in a limited text space (Yu, Wang, Fan 2017), on TensorFlow and Keras 3",
    long_description=(pathlib.Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10,<3.13",
    packages=setuptools.find_packages(include=["cmr*", "data_prep*", "experiments*"]),
    package_data={
        "cmr": ["py.typed"],
        "cmr.comparators": ["*.txt"],
        "cmr.evaluation": ["*.csv"],
        "experiments": ["flagfiles/*.flags", "flagfiles/*/*.flags", "flagfiles/*/*/*.flags"],
        "experiments.ablations": ["*.jinja", "*.css"],
        "experiments.report": ["*.jinja", "*.css"],
        "experiments.tables": ["*.jinja", "*.css"],
    },
    entry_points={"console_scripts": ["cmr = cmr.__main__:main"]},
    install_requires=[
        "tensorflow>=2.16",
        "tensorflow-hub>=0.16.1",
        # tensorflow-hub imports pkg_resources, which setuptools dropped in version 81.
        "setuptools<81",
        "tensorboard>=2.16",
        "numpy>=1.26",
        "pandas>=2.2",
        "absl-py>=2.1",
        "pillow>=10.1",
        "tqdm>=4.66",
        "requests>=2.31",
        "pydot>=3.0",
    ],
    extras_require={
        "comparators": ["scikit-learn>=1.4", "gensim>=4.3", "scipy>=1.11"],
        "captions": ["pycocoevalcap>=1.2"],
        "peers": ["torch>=2.4"],
        "heic": ["pillow-heif>=0.18"],
        "index": ["faiss-cpu>=1.8"],
        "mat": ["scipy>=1.11"],
        "report": ["matplotlib>=3.8", "jinja2>=3.1"],
        "tfds": ["tensorflow-datasets>=4.9.4"],
        "test": [
            "pytest>=8.0",
            "hypothesis>=6.100",
            "ruff>=0.6",
            "scipy>=1.11",
            "scikit-learn>=1.4",
            "gensim>=4.3",
            "pycocoevalcap>=1.2",
            "matplotlib>=3.8",
            "jinja2>=3.1",
        ],
    },
)

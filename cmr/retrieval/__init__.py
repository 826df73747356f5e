"""The paper's models: built, trained, measured."""

"""Recurrences over sentences of different lengths: what the text encoders' GRUs and the captioner's LSTM share."""

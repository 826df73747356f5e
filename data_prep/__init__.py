"""Raw data set on disk -> workspace: captions, splits, vocabulary, CNN features."""

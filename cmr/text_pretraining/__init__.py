"""The phase before a training in which the text encoder alone learns: from sentences, without any image."""

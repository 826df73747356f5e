"""Raw data sets, fetched and checked."""

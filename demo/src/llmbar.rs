//! The recorded judges of LLMBar, read from the two files of the data set.

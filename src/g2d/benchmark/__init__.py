"""The paper and its rivals: datasets, imputation, comparison, report."""
